"""The rules of docs/architecture.rst, read from the source: a broken one fails with a sentence."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
TOP = PACKAGE.parent

WORDS = {"conf", "contract", "declines", "errors", "money", "pace", "schedule", "states"}
# From the cellar to the street: a room imports from its own floor and from those below it.
FLOORS: list[set[str]] = [
    WORDS,
    {"gateway", "signals"},
    {"models"},
    {"notify"},
    {"flows"},
    {"access", "admin", "forms", "limits", "management", "staff_forms", "tasks", "templatetags", "urls", "views"},
]
# Wired by Django itself rather than by a journey: they may look at any room but call none.
UNPLACED = {"__init__", "accounts", "apps", "checks", "migrations"}
# Public manager methods are a facade: they import their flow inside the method.
FACADE = ("models", "flows")
EVERYTHING = ("Exception", "BaseException")
# Where a host's own code or cache runs, which may raise anything; each logs it and goes on.
GUARDS = {("flows/settle.py", "guarded"), ("notify/guard.py", "tried"), ("pace/shared.py", "_ask")}
WEBHOOK_DOOR = "checkout.views.webhook"


@dataclass(frozen=True)
class Import:
    """One imported module (or name) and where it stands."""

    path: Path
    line: int
    target: str
    inside_function: bool

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(TOP)}:{self.line}"


def production_files() -> list[Path]:
    """Every module of the package that a site runs: no tests, no migrations, no simulator."""
    left_out = {PACKAGE / name for name in ("tests", "migrations", "simulator")}
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not left_out & set(path.parents)]


def simulator_files() -> list[Path]:
    return sorted((PACKAGE / "simulator").rglob("*.py"))


def dotted(path: Path) -> str:
    """``checkout/flows/settle.py`` is ``checkout.flows.settle``."""
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """``checkout.flows.settle`` is in the room ``flows``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def package_of(path: Path) -> list[str]:
    return list(path.relative_to(TOP).parent.parts)


def targets(node: ast.Import | ast.ImportFrom, path: Path) -> Iterator[str]:
    """Absolute dotted names that the statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = package_of(path)[: len(package_of(path)) - node.level + 1] if node.level else []
    prefix = ".".join([*base, *([node.module] if node.module else [])])
    yield from (f"{prefix}.{alias.name}" for alias in node.names)


def imports(path: Path) -> list[Import]:
    """Every import of a file, except those for the type checker only."""
    found: list[Import] = []

    def walk(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                walk(child, inside)
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.extend(Import(path, node.lineno, target, inside) for target in targets(node, path))
        for child in ast.iter_child_nodes(node):
            walk(child, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    walk(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def is_in(target: str, package: str) -> bool:
    return target == package or target.startswith(f"{package}.")


def floor(name: str) -> int | None:
    return next((number for number, rooms in enumerate(FLOORS) if name in rooms), None)


def complain(broken: list[str]) -> None:
    assert not broken, "\n".join(broken)


def test_every_room_has_its_floor() -> None:
    known = set.union(*FLOORS) | UNPLACED | {"simulator", "tests"}
    rooms = {room(dotted(path)) for path in PACKAGE.rglob("*.py")}
    complain(
        [
            f"checkout/{name} is new: say in docs/architecture.rst and in FLOORS here who may import it"
            for name in sorted(rooms - known)
        ]
    )


def test_lower_never_imports_higher() -> None:
    broken = []
    for path in production_files():
        mine = room(dotted(path))
        for found in imports(path):
            theirs = room(found.target) if is_in(found.target, "checkout") else ""
            if floor(mine) is None or floor(theirs) is None:
                continue
            if (mine, theirs) == FACADE and found.inside_function:
                continue
            if floor(theirs) > floor(mine):
                broken.append(f"{found.where} imports {found.target}: {mine} is below {theirs} and must not know it")
    complain(broken)


def test_doors_never_touch_the_gateway() -> None:
    complain(
        [
            f"{found.where} imports {found.target}: a door calls one flow, and the flow calls the gateway"
            for path in production_files()
            if room(dotted(path)) in FLOORS[-1]
            for found in imports(path)
            if is_in(found.target, "checkout.gateway")
            and not (dotted(path) == WEBHOOK_DOOR and found.target.endswith(".parse_event"))
        ]
    )


def test_stripe_is_imported_by_the_gateway_alone() -> None:
    complain(
        [
            f"{found.where} imports {found.target}: only checkout/gateway speaks to Stripe"
            for path in production_files()
            if room(dotted(path)) != "gateway"
            for found in imports(path)
            if is_in(found.target, "stripe")
        ]
    )


def test_simulator_and_package_do_not_know_each_other() -> None:
    broken = [
        f"{found.where} imports {found.target}: the simulator must stay Stripe's view of the world, not ours"
        for path in simulator_files()
        for found in imports(path)
        if is_in(found.target, "checkout") and not is_in(found.target, "checkout.simulator")
    ]
    broken += [
        f"{found.where} imports {found.target}: only settings and tests may point at the simulator"
        for path in production_files()
        for found in imports(path)
        if is_in(found.target, "checkout.simulator")
    ]
    complain(broken)


def test_flows_never_see_a_request() -> None:
    complain(
        [
            f"{found.where} imports {found.target}: a flow is a plain function, requests end at the door"
            for path in production_files()
            if room(dotted(path)) not in FLOORS[-1] | UNPLACED
            for found in imports(path)
            if is_in(found.target, "django.http") or is_in(found.target, "django.shortcuts")
        ]
    )


def test_words_are_pure_python() -> None:
    complain(
        [
            f"{found.where} imports {found.target}: {room(dotted(path))} is pure Python, it needs no Django"
            for path in production_files()
            if room(dotted(path)) in WORDS - {"conf", "contract", "pace"}
            for found in imports(path)
            if is_in(found.target, "django") and not is_in(found.target, "django.utils")
        ]
    )


def writes_of_state(tree: ast.AST) -> Iterator[int]:
    """Line numbers of ``x.state = ...``, ``x.state_id = ...`` and ``.update(state=...)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign):
            assigned = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Attribute) and t.attr in ("state", "state_id") for t in assigned):
                yield node.lineno
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "update"
            and any(word.arg in ("state", "state_id") for word in node.keywords)
        ):
            yield node.lineno


def test_move_to_is_the_only_writer_of_a_state() -> None:
    complain(
        [
            f"{path.relative_to(TOP)}:{line} writes a state: call move_to of checkout/models/base.py"
            for path in production_files()
            if path != PACKAGE / "models" / "base.py"
            for line in writes_of_state(ast.parse(path.read_text(encoding="utf-8")))
        ]
    )


@pytest.mark.parametrize("folder", ["checkout", "example_checkout", "benchmarks"])
def test_no_file_is_over_400_lines(folder: str) -> None:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in (TOP / folder).rglob("*.py")
        if "migrations" not in path.parts and "node_modules" not in path.parts
    }
    complain(
        [
            f"{path.relative_to(TOP)} has {size} lines: split it (400 are the most)"
            for path, size in sizes.items()
            if size > 400
        ]
    )


def test_stripe_is_simulated_and_never_patched() -> None:
    broken = []
    for folder in ("checkout", "example_checkout"):
        for path in (TOP / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                called, first = ast.unparse(node.func), ast.unparse(node.args[0]).strip("'\"")
                if "patch" in called.split(".") and is_in(first, "stripe"):
                    broken.append(f"{path.relative_to(TOP)}:{node.lineno} patches {first}: ask the simulator")
    complain(broken)


def broad_excepts(path: Path) -> Iterator[ast.ExceptHandler]:
    """The handlers of a file that catch everything, but for those in a function of ``GUARDS``."""
    guards = {name for file, name in GUARDS if PACKAGE / file == path}
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and node.name in guards:
            continue
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in EVERYTHING):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def test_no_broad_except() -> None:
    complain(
        [
            f"{path.relative_to(TOP)}:{handler.lineno} catches everything: name what can happen"
            for path in production_files() + simulator_files()
            for handler in broad_excepts(path)
        ]
    )
