"""What running a piece of code can reach in a package of ours, name by name.

A module is a list of top-level statements. Importing it runs all of them, but a function, class or constant that nobody names changes
nothing; so code *reaches* what it names, what that names in turn, and every statement that does something on import. A class is
reached whole, a module that is used as a value (``getattr(module, name)``) too. A name that a local variable hides is taken as reached:
the answer can be too large, not too small.
"""

import ast
import functools
from pathlib import Path

from tools.bare import bare, joined, without_docstrings

_QUIET_DECORATORS = {"cache", "lru_cache", "cached_property", "wraps", "dataclass", "contextmanager", "no_grad", "overload"}


class Module:
    """The top-level statements of a file and what each of them names.

    Attributes
    ----------
    name : str
        Such as ``rnnlib.scratch.lstm``.
    items : dict of str to list of int
        The statements that define a name.
    effects : list of int
        The statements that do something when the module is imported.
    bindings : dict of str to str
        Imported names: ``{"np": "numpy:", "check": "rnnlib.checks:check"}``; before the colon a module, behind it a name in it.
    """

    def __init__(self, name, source, is_package=False):
        self.name, self.source = name, source
        self.package = name if is_package else name.rpartition(".")[0]
        self.statements = ast.parse(source).body
        self.items, self.effects, self.bindings = {}, [], {}
        for k, node in enumerate(self.statements):
            self._sort(k, node)

    def _sort(self, k, node):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.bindings |= dict(imported(node, self.package))
        elif (names := _defined(node)) is not None:
            for name in names:
                self.items.setdefault(name, []).append(k)
        elif not _is_text(node):
            self.effects.append(k)

    @functools.cache  # noqa: B019  (modules are few, and kept)
    def uses(self, k):
        """(chains of names, imports) of a statement: ``nn.LSTM`` gives ``("nn", "LSTM")``."""
        visitor = _Uses(self.package)
        visitor.visit(self.statements[k])
        return visitor.chains, visitor.bindings

    def lines_of(self, k):
        """(first, last) line of a statement with its decorators, from 1."""
        node = self.statements[k]
        return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]), node.end_lineno

    @functools.cache  # noqa: B019
    def text(self, k, *, keep_checks=True):
        """A statement as `tools.bare.bare` leaves it."""
        first, last = self.lines_of(k)
        return joined(_bare(self.source, keep_checks)[first - 1 : last])


@functools.cache
def _bare(source, keep_checks):
    return bare(source, keep_checks=keep_checks)


class _Uses(ast.NodeVisitor):
    def __init__(self, package):
        self.package, self.chains, self.bindings = package, set(), {}

    def visit_Attribute(self, node):
        names, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.chains.add((inner.id, *reversed(names)))
        else:
            self.visit(inner)

    def visit_Name(self, node):
        self.chains.add((node.id,))

    def visit_arg(self, node):
        pass  # an annotation computes nothing

    def visit_FunctionDef(self, node):
        for part in (*node.decorator_list, node.args, *node.body):
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Import(self, node):
        self.bindings |= dict(imported(node, self.package))

    visit_ImportFrom = visit_Import


def imported(node, package):
    """(name, target) for each name that an import statement binds; ``("*", "module:")`` for a star."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, f"{alias.name}:"
            else:
                root = alias.name.partition(".")[0]
                yield root, f"{root}:"
                yield f"import {alias.name}", f"{alias.name}:"  # loads the submodule, binds nothing more
    else:
        parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join(parts + ([node.module] if node.module else []))
        for alias in node.names:
            yield ("*", f"{base}:") if alias.name == "*" else (alias.asname or alias.name, f"{base}:{alias.name}")


def _defined(node):
    """The names that a statement defines and does nothing else; None if it does something else."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        quiet = all(_last_name(decorator) in _QUIET_DECORATORS for decorator in node.decorator_list)
        return [node.name] if quiet and not getattr(node, "keywords", ()) else None
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else None
    if isinstance(node, ast.Assign):
        names = [name for target in node.targets for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        return [name.id for name in names] if all(isinstance(name, ast.Name) for name in names) else None
    return None


def _last_name(node):
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@functools.cache  # a module is reached from many lessons
def _module(name, file, stamp):
    return Module(name, file.read_text(encoding="utf-8"), file.name == "__init__.py")


class Reach:
    """What ``source`` reaches in a package of the folder ``root``, modules whose names begin with one of ``leave_out`` aside.

    Attributes
    ----------
    reached : set of (str, int)
        Module name and number of each statement that is reached.
    loaded : set of str
        The modules that are imported.
    """

    def __init__(self, source, root, package="rnnlib", leave_out=()):
        self.package, self.leave_out = package, tuple(leave_out)
        self.root, self.reached, self.loaded, self._modules, self._whole = Path(root), set(), set(), {}, set()
        self.code = Module("", source)
        self._todo = []
        for target in self.code.bindings.values():
            self._load(target)
        for k in range(len(self.code.statements)):
            self._follow(self.code, k)
        while self._todo:
            self._follow(*self._todo.pop())

    def module(self, name):
        """The `Module` of a dotted name, or None if the package has none."""
        if name.partition(".")[0] != self.package:
            return None
        if name not in self._modules:
            path = self.root.joinpath(*name.split("."))
            file = next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)
            self._modules[name] = file and _module(name, file, (file.stat().st_mtime_ns, file.stat().st_size))
        return self._modules[name]

    def _load(self, target):
        """Run the imports and effects of every module that importing ``target`` loads."""
        parts = target.replace(":", ".").rstrip(".").split(".")
        for k in range(1, len(parts) + 1):
            name = ".".join(parts[:k])
            module = self.module(name)
            if module is None or name in self.loaded:
                continue
            self.loaded.add(name)
            for inner in module.bindings.values():
                self._load(inner)
            for effect in module.effects:
                self._take(module, effect)

    def _take(self, module, k):
        if (module.name, k) not in self.reached and not module.name.startswith(self.leave_out):
            self.reached.add((module.name, k))
            self._todo.append((module, k))

    def _take_all(self, module):
        """All that a module defines and passes on."""
        if module.name in self._whole:
            return
        self._whole.add(module.name)
        for k, node in enumerate(module.statements):
            if not isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_text(node):
                self._take(module, k)
        for name, target in module.bindings.items():
            if not name.startswith("import "):
                self._arrive(target, [])

    def _follow(self, module, k):
        chains, local = module.uses(k)
        for target in local.values():
            self._load(target)
            if k in module.effects:  # ``try: from a import f`` binds a name that the rest of the module may use
                self._arrive(target, [])
        for chain in chains:
            self._resolve(module, chain, local)
        for bindings in (local, module.bindings):
            if "*" in bindings and (stars := self.module(bindings["*"].rstrip(":"))) is not None:
                self._take_all(stars)

    def _resolve(self, module, chain, local=None):
        """Take what a chain of names leads to; the statements' numbers are in ``reached`` afterwards."""
        root, *rest = chain
        if local and root in local:
            self._arrive(local[root], rest)
        elif root in module.items and module is not self.code:
            for k in module.items[root]:
                self._take(module, k)
        elif root in module.bindings:
            self._arrive(module.bindings[root], rest)

    def _arrive(self, target, rest):
        place = self.find(target, rest)
        if place is None:
            return
        module, name = place
        for k in module.items[name] if name else ():
            self._take(module, k)
        if name is None:
            self._take_all(module)

    def find(self, target, rest=()):
        """(module, name) that a target and the attributes behind it lead to; name None for a whole module; None if it is not ours."""
        base, _, name = target.partition(":")
        module, names = self.module(base), [*filter(None, [name]), *rest]
        if module is None:
            return None
        self._load(base)
        for k, name in enumerate(names):
            if name in module.items:
                return module, name
            if module.bindings.get(name, f"{module.name}:{name}") != f"{module.name}:{name}":
                return self.find(module.bindings[name], names[k + 1 :])
            inner = self.module(f"{module.name}.{name}")
            if inner is None:
                star = module.bindings.get("*")
                return self.find(star, names[k:]) if star and self.module(star.rstrip(":")) else (module, None)
            module = inner
            self._load(module.name)
        return module, None

    def names(self, module, name):
        """Whether the code reaches one name of a module."""
        found = self.module(module)
        return found is not None and any((module, k) in self.reached for k in found.items[name])

    def texts(self, *, keep_checks=True):
        """``(module, text)`` of each statement reached and of each import that it names, in order."""
        for name, k in sorted(self.reached):
            module = self.module(name)
            yield name, module.text(k, keep_checks=keep_checks)
            roots = {chain[0] for chain in module.uses(k)[0]}
            for root in sorted(roots & set(module.bindings)):
                if not module.bindings[root].startswith(self.leave_out):
                    yield name, f"{root} = {module.bindings[root]}"

    def files(self):
        """The files beside a loaded package (styles, tables) that a statement reached there names: a sorted list of paths."""
        found = set()
        for name in self.loaded:
            folder = self.root.joinpath(*name.split("."))
            if not (folder / "__init__.py").is_file():
                continue
            words = " ".join(text for inner, text in self.texts() if inner.rpartition(".")[0] == name or inner == name)
            found |= {path for path in folder.iterdir() if path.is_file() and path.suffix != ".py" and path.name in words}
        return sorted(found)

    def shown(self, call="source_of"):
        """The text on the page of each argument of ``source_of``, comments included, docstrings not."""
        for node in ast.walk(ast.parse(self.code.source)):
            if isinstance(node, ast.Call) and _last_name(node) == call and node.args:
                names = ast.unparse(node.args[0]).split(".")
                if names[0] not in self.code.items:  # a function of the page itself is in its cells
                    yield self._source(names)

    def _source(self, names):
        root, *rest = names
        place = self.find(self.code.bindings.get(root, ":"), rest)
        if place is None or place[1] is None:
            raise ValueError(f"source_of({'.'.join(names)}): expected a function or class of {self.package}, imported at the top of a cell")
        module, name = place
        inside = names[names.index(name) + 1 :] if name in names else []  # the method of a class
        node = module.statements[module.items[name][-1]]
        for step in inside:
            node = next(n for n in node.body if getattr(n, "name", None) == step)
        return joined(without_docstrings(module.source)[node.lineno - 1 : node.end_lineno])
