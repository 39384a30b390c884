"""The book's Sphinx extension: light pages, formulas without a network, pages that a keyboard and a screen reader can use.

``scripts``   which scripts a page loads, and when
``formulas``  formulas set in the build, with MathML, and the fonts cut down to their glyphs
``markup``    small repairs of the theme's HTML
``launch``    where the rocket leads
``styles``    the theme's style sheets without the rules that no page meets
``pictures``  pictures of lessons as files that are fetched late
``icons``     the icon fonts cut down to the icons in use
``claims``    directives that show what was measured over several seeds
``living``    figures that a reader can touch
``path``      the path through the chapters, with times
``writer``    a trained network that writes in the page
``index``     the index, from the words of the glossary
``found``     addresses, descriptions, a map, a feed, a page for lost visitors
"""

from tools.rnnbook import claims, formulas, found, icons, index, launch, living, markup, path, pictures, scripts, styles, writer

PAGE_STEPS = (
    scripts.drop_unused,
    scripts.defer,
    formulas.set_formulas,
    launch.to_notebook,
    markup.name_parts,
    markup.plain_roles,
    markup.reach_scrollable,
    writer.load_where_needed,
    living.load_where_needed,
)


def polish(html):
    """One rendered page after all steps: a function of its text alone."""
    for step in PAGE_STEPS:
        html = step(html)
    return html


def _polish_each_page(app):
    if app.builder.format != "html":
        return
    # Sphinx has no event after a page is rendered; a step at the end would meet pages that an earlier build has polished.
    render = app.builder.templates.render
    app.builder.templates.render = lambda name, context: polish(render(name, context)) if name.endswith(".html") else render(name, context)


def _finish(app, error):
    if error is None and app.builder.format == "html":
        found.publish(app)
        formulas.publish_fonts(app.outdir)
        writer.publish(app.outdir)
        living.publish(app.outdir)
        pictures.publish(app.outdir)
        styles.slim_sheets(app.outdir)
        icons.subset_fonts(app.outdir)
        scripts.drop_unused_files(app.outdir)


def setup(app):
    claims.setup(app)
    writer.setup(app)
    index.setup(app)
    living.setup(app)
    path.setup(app)
    found.setup(app)
    app.connect("builder-inited", _polish_each_page)
    app.connect("build-finished", _finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
