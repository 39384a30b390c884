"""The index: a glossary word leads to each lesson that explains it, the place where its page first links it."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform


class IndexGlossaryWords(SphinxTransform):
    """Put an index entry before the paragraph in which a page first names a word of the glossary."""

    default_priority = 600  # before the index is collected

    def apply(self):
        seen = set()
        for reference in list(self.document.findall(addnodes.pending_xref)):
            if reference.get("reftype") != "term" or (word := reference["reftarget"].lower()) in seen:
                continue
            seen.add(word)
            block = reference
            while not isinstance(block.parent, (nodes.section, nodes.document)):
                block = block.parent
            if not block["ids"]:  # one id a block, on the block itself: the search page shows the text that an id stands on
                block["ids"].append(f"index-{nodes.make_id(word)}")
            entry = addnodes.index(entries=[("single", reference["reftarget"], block["ids"][0], "", None)])
            block.parent.insert(block.parent.index(block), entry)


def setup(app):
    app.add_transform(IndexGlossaryWords)
