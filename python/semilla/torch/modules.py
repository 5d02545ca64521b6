"""Plans of live modules, carried out on them in place."""

from __future__ import annotations

import html
import json
import shutil
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from os import PathLike, fspath
from typing import Any, NamedTuple, Union

import torch
from torch import nn
from torch.nn import functional as F

from semilla import _semilla
from semilla._rules import Rules, as_json, tables
from semilla._seeds import checked
from semilla.torch import facts, memory, parametrized

__all__ = ["Finding", "Plan", "describe", "init_", "load_", "plan", "save"]

#: A file or folder.
Path = Union[str, "PathLike[str]"]


class Finding(NamedTuple):
    """A likely mistake of a plan (``docs/lint.md``)."""

    #: What kind it is, such as ``"symmetry"``.
    rule: str
    #: ``"warning"``: it will likely hurt training; ``"note"``: it may be meant.
    severity: str
    #: The tensors that it is about.
    tensors: list[str]
    #: What is amiss, in numbers.
    reason: str
    #: What to do.
    remedy: str


class Plan:
    """What every tensor of a module gets, and why.

    It prints as a table, is shown as one in a notebook, and names each tensor as the module's
    ``state_dict`` does. Made by :func:`plan`, :func:`init_` and :func:`load_`.
    """

    def __init__(
        self, plan: _semilla.Plan, known: facts.Known, dtype: torch.dtype | None = None
    ) -> None:
        self._plan = plan
        self._held: facts.Known | None = known
        self._untraced = known.untraced
        self._dtype = dtype

    @property
    def _known(self) -> facts.Known:
        if self._held is None:
            raise ValueError(
                "the plan was read and belongs to no module: give it one with plan.on(module)"
            )
        return self._held

    def on(self, module: nn.Module) -> Plan:
        """The same plan for another module, which has the tensors that it names.

        Plans are saved and sent without the module that they were made for: pickled, a plan is its
        JSON.

        Raises
        ------
        ValueError
            The module has other tensors, or of other shapes or types.

        Examples
        --------
        >>> import pickle
        >>> from torch import nn
        >>> import semilla.torch
        >>> model = nn.Linear(8, 4)
        >>> made = pickle.loads(pickle.dumps(semilla.torch.plan(model, seed=1)))
        >>> made.on(model).apply()
        """
        known = facts.of_module(module, self.recipe)
        there = {name: (list(t.shape), t) for name, t in known.tensors.items()}
        wrong = sorted(there.keys() ^ set(self.names))
        if wrong:
            more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            raise ValueError(f"{', '.join(wrong[:3])}{more}: in the plan or in the module, not both")
        for line in self.lines:
            shape, tensor = there[line.name]
            dtype = self._dtype if self._dtype and tensor.is_floating_point() else tensor.dtype
            own = memory.dtype_named(line.dtype)
            if shape != list(line.shape) or dtype != own:
                raise ValueError(
                    f"{line.name} is {own} {list(line.shape)} in the plan, {dtype} {shape} in the "
                    "module"
                )
        return Plan(self._plan, known, self._dtype)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    def __copy__(self) -> Plan:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Plan:
        """For the module's copy, where the module is copied along; else for the module itself."""
        if self._held is None:
            return self
        own = self._held.tensors
        tensors = {name: memo.get(id(tensor), tensor) for name, tensor in own.items()}
        return Plan(self._plan, self._held._replace(tensors=tensors), self._dtype)

    def __eq__(self, other: object) -> bool:
        return self._plan == other._plan if isinstance(other, Plan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._plan)

    @property
    def compiled(self) -> _semilla.Plan:
        """The plan itself, which knows nothing of the module."""
        return self._plan

    @property
    def recipe(self) -> str:
        """The recipe that decided."""
        return self._plan.recipe

    @property
    def seed(self) -> int:
        """The seed of every weight."""
        return self._plan.seed

    @property
    def names(self) -> list[str]:
        """The tensors' names, in the order of the state dict."""
        return self._plan.names

    @property
    def lines(self) -> list[_semilla.Line]:
        """A line for each tensor, in the order of the state dict."""
        return self._plan.lines

    @property
    def untraced(self) -> str | None:
        """Why the activations behind layers are those of ``nn.Sequential`` parts only: the error of
        ``torch.fx``. ``None`` where the whole forward was traced."""
        return self._untraced

    def __getitem__(self, name: str) -> _semilla.Line:
        return self._plan[name]

    def __contains__(self, name: str) -> bool:
        return name in self._plan

    def __len__(self) -> int:
        return len(self._plan)

    def to_json(self) -> str:
        """The plan as JSON, as ``semilla plan --json`` prints it."""
        return self._plan.to_json()

    def write(self, path: Path, *, max_shard_size: str | None = None) -> list[Path]:
        """Writes the weights to safetensors files, and leaves the module alone.

        Parameters
        ----------
        path
            The file, or with ``max_shard_size`` the name that shards begin with.
        max_shard_size
            The size at which a new file begins, such as ``"5GB"``.

        Returns
        -------
        list
            The files that were written, the index last.
        """
        return list(self._plan.write(fspath(path), max_shard_size))

    def lint(self) -> list[Finding]:
        """The plan's likely mistakes, warnings first, as ``semilla lint`` finds them.

        Examples
        --------
        >>> from torch import nn
        >>> import semilla.torch
        >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        >>> made = semilla.torch.plan(model, rules={"0.weight": "constant(value=0.1)"})
        >>> [(found.rule, found.severity) for found in made.lint()]
        [('symmetry', 'warning')]
        """
        return [Finding(*found) for found in self._plan.lint()]

    def apply(self, names: Container[str] | None = None) -> None:
        """Writes the weights into the module's tensors, in place: all, or those of these names.

        Everything that is loaded is read once before: if that fails, nothing is overwritten. Of a
        sharded module only what this process holds is read.
        """
        tensors = self._known.tensors
        chosen = [
            (place, name) for place, name in self._plan.filled if names is None or name in names
        ]
        # What is drawn into the host's memory is opened as a whole before anything is written.
        is_opened = self._dtype is None and all(tensors[name].is_cpu for _, name in chosen)
        if self._plan.loads or not is_opened:
            self._plan.rehearse([(place, self._named(memory.part, name)) for place, name in chosen])
        if self._dtype is not None:
            with torch.no_grad():
                for tensor in tensors.values():
                    if tensor.is_floating_point() and tensor.dtype != self._dtype:
                        tensor.data = tensor.data.to(self._dtype)
        # On the host all are written together; what has to be copied from there goes one by one.
        together = [(place, name) for place, name in chosen if tensors[name].is_cpu]
        alone = [[(place, name)] for place, name in chosen if not tensors[name].is_cpu]
        for batch in [together, *alone]:
            opened = [(place, self._opened(place, name)) for place, name in batch]
            ready = [(place, *found) for place, found in opened if found is not None]
            goals = [(place, destination) for place, destination, _ in ready]
            self._plan.fill(goals, rehearsed=True)
            for _, _, done in ready:
                done()
        written = {name for _, name in chosen}
        for normalized in self._known.spectral:
            if normalized.weight in written and written.isdisjoint(normalized.vectors):
                _find_vectors(normalized, tensors)

    def _refuse_without_values(self) -> None:
        """What is loaded needs a place to go."""
        tensors = self._known.tensors
        absent = [name for _, name in self._plan.filled if not memory.has_values(tensors[name])]
        if absent:
            more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
            raise ValueError(
                f"{', '.join(absent[:3])}{more} have no memory to load into (meta device): call "
                "module.to_empty(device=...) first, or save() the plan"
            )

    def _opened(self, place: int, name: str) -> Any:
        return self._named(lambda tensor: memory.opened(tensor, self._drawn(place)), name)

    def _named(self, ask: Callable[[torch.Tensor], Any], name: str) -> Any:
        """What is asked of a tensor; an error says of which."""
        try:
            return ask(self._known.tensors[name])
        except (ValueError, TypeError, RuntimeError) as error:
            raise type(error)(f"{name}: {error}") from error

    def _drawn(self, place: int) -> Callable[[Sequence[int], str], Any]:
        return lambda shape, dtype: self._plan.drawn(place)

    def param_groups(
        self, lr: float, *, weight_decay: float = 0.0, optimizer: str = "adam"
    ) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer, with the rates that the scheme asks for (muP).

        Parameters
        ----------
        lr, weight_decay
            The optimizer's own; each group has them times its factors.
        optimizer
            ``"adam"`` or ``"sgd"``: their rates differ.
        """
        trained = self._known.trained
        groups = [
            {
                "params": [self._known.tensors[name] for name in names if name in trained],
                "lr": lr * rate,
                "weight_decay": weight_decay * decay,
            }
            for rate, decay, names in self._plan.groups(optimizer)
        ]
        return [group for group in groups if group["params"]]

    def __str__(self) -> str:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else None
        return self._plan.table(width)

    def __repr__(self) -> str:
        return repr(self._plan)

    def _repr_html_(self) -> str:
        header = ["tensor", "shape", "dtype", "role", "values", "why"]
        rows = [
            [line.name, list(line.shape), line.dtype, line.role, line.values, line.reason]
            for line in self.lines
        ]
        cells = ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
        return (
            f"<p>{html.escape(repr(self)[1:-1])}</p>"
            "<table><thead><tr>"
            + "".join(f"<th>{name}</th>" for name in header)
            + "</tr></thead><tbody>"
            + "".join(f"<tr>{row}</tr>" for row in cells)
            + "</tbody></table>"
        )


#: As many steps as PyTorch takes where it makes the vectors.
_STEPS = 15


def _find_vectors(normalized: parametrized.Spectral, tensors: Mapping[str, torch.Tensor]) -> None:
    """Finds the singular vectors of a new weight by the power method: those of another weight would
    scale it wrongly, by any factor. Starts from the stream, and so gives the same each time."""
    weight, u, v = (tensors[name] for name in (normalized.weight, *normalized.vectors))
    if not memory.has_values(weight) or memory.is_sharded(weight):
        return
    with torch.no_grad():
        matrix = normalized.matrix(weight)
        key = _semilla.key(0, normalized.vectors[1])
        memory.fill(v, _semilla.Initializer("normal", mean=0.0, std=1.0), key)
        for _ in range(_STEPS):
            u.copy_(F.normalize(torch.mv(matrix, v), dim=0))
            v.copy_(F.normalize(torch.mv(matrix.T, u), dim=0))


def describe(module: nn.Module, dtype: torch.dtype | None = None) -> str:
    """What a module says of its tensors: a JSON list of shapes that every command takes as MODEL.

    Ties are not part of it (``--tie``), and neither are values.
    """
    return facts.of_module(module).json(dtype)


def plan(
    module: nn.Module,
    recipe: Path = "auto",
    seed: int = 0,
    *,
    scheme: str | None = None,
    rules: Rules | None = None,
    dtype: torch.dtype | None = None,
    strict: bool = False,
) -> Plan:
    """Plans a module's first weights; nothing is changed.

    Parameters
    ----------
    module
        Any module, also on the meta device. Its parameters and persistent buffers are planned under
        the names that its state dict has.
    recipe
        The name of a built-in recipe (``semilla recipes`` lists them), or a TOML file. ``"auto"``
        decides by role and activation; ``"transformers"`` gives a model of that library what the
        library gives it.
    seed
        The seed of every weight.
    scheme
        One initializer for all weight matrices instead of a recipe, such as ``"kaiming_normal"``.
    rules
        Rules that go before the recipe's: ``{"head.*": "zeros"}``, or a list of tables as a recipe's
        ``[[rule]]`` has them. A rule that matches nothing is an error.
    dtype
        The type that floating-point tensors are to have.
    strict
        Refuse to decide by what is only inferred of a tensor.

    Raises
    ------
    ValueError
        A tensor that nothing is known of, with the rule that would decide it; a recipe or rule that
        cannot be read; a lazy module that has not seen an input yet.
    FileNotFoundError
        The recipe's file is not there.

    Examples
    --------
    >>> from torch import nn
    >>> import semilla.torch
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    >>> made = semilla.torch.plan(model)
    >>> made["0.weight"].values
    'N(0, 0.5)'
    """
    return planned(
        facts.of_module(module, recipe),
        dtype,
        recipe=recipe,
        seed=seed,
        scheme=scheme,
        rules=rules,
        strict=strict,
    )


def init_(
    module: nn.Module,
    recipe: Path = "auto",
    seed: int = 0,
    *,
    scheme: str | None = None,
    rules: Rules | None = None,
    dtype: torch.dtype | None = None,
    strict: bool = False,
) -> Plan:
    """Initializes a module in place, and returns the plan. Parameters and errors as :func:`plan`.

    The weights are those that ``semilla init`` writes for the same names, shapes and facts, bit for
    bit, whatever the device, the threads and the shards. Buffers that a known layer keeps are set
    as it starts; others keep their values.

    Examples
    --------
    >>> from torch import nn
    >>> import semilla.torch
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    >>> plan = semilla.torch.init_(model, seed=1, rules={"2.weight": "zeros"})
    >>> model[2].weight.abs().max().item()
    0.0
    """
    made = plan(
        module, recipe, seed, scheme=scheme, rules=rules, dtype=dtype, strict=strict
    )
    made.apply()
    return made


def load_(
    module: nn.Module,
    source: Path,
    *,
    strip: str | None = None,
    add: str | None = None,
    rename: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    into: Sequence[str] = (),
    exclude: Sequence[str] = (),
    must_load: Sequence[str] = (),
    may_miss: Sequence[str] = (),
    min_coverage: float | None = None,
    adapt: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    fuse: Sequence[Mapping[str, Any]] = (),
    split: Sequence[Mapping[str, Any]] = (),
    depth: Mapping[str, Any] | None = None,
    layout: str | None = None,
    recipe: Path = "auto",
    seed: int = 0,
    rules: Rules | None = None,
    dtype: torch.dtype | None = None,
    strict: bool = False,
) -> Plan:
    """Loads a checkpoint into a module in place, and initializes what it does not give.

    Every tensor must load unless ``may_miss`` names it, and each rule must match something. If
    anything is wrong, the module stays as it was.

    Parameters
    ----------
    source
        A file or folder of any format that ``semilla inspect`` reads: safetensors, ``.pt``, GGUF,
        NumPy, Keras, ONNX.
    strip, add
        The prefix to take off the checkpoint's names, and the one to put before them. By default the
        pair that matches most.
    rename
        Regular expressions on the checkpoint's names and what replaces them, applied in order.
    into, exclude
        Globs: of the module's tensors that this checkpoint is for (all by default), and of the
        checkpoint's tensors that are not to be used.
    must_load, may_miss
        Globs of the module's tensors that must load (all by default), and that need not.
    min_coverage
        The smallest share of the module's elements that must come from the checkpoint, 0 to 1.
    adapt
        How tensors that do not fit are adapted: ``{"conv1.weight": "channels:preserve"}``.
    fuse, split, depth
        Tensors made of several, tensors that make several, and layers from layers of other numbers,
        as a recipe's ``[[pretrained]]`` has them.
    layout
        Who stored the checkpoint's weights, if neither format nor names say: ``"pytorch"``,
        ``"keras"``, ``"jax"``.
    recipe, seed, rules, dtype, strict
        As for :func:`plan`, for what is not loaded.

    Raises
    ------
    ValueError
        A tensor that does not load, or loads NaN; two of the checkpoint's tensors under one name;
        rules that match nothing; a damaged file; a module on the meta device.
    OSError
        The checkpoint is not there, or cannot be read.

    Examples
    --------
    A trunk without its old head::

        plan = semilla.torch.load_(model, "resnet50.safetensors", may_miss=["fc.*"])
        plan["fc.weight"].reason    # why the new head got what it got
    """
    given = {
        "strip": strip,
        "add": add,
        "rename": list(rename.items() if isinstance(rename, Mapping) else rename),
        "into": list(into),
        "exclude": list(exclude),
        "must_load": list(must_load),
        "may_miss": list(may_miss),
        "min_coverage": min_coverage,
        "adapt": tables(adapt, "op"),
        "fuse": list(fuse),
        "split": list(split),
        "depth": depth,
    }
    rules_of_source = {name: value for name, value in given.items() if value not in (None, [])}
    made = planned(
        facts.of_module(module),
        dtype,
        recipe=recipe,
        seed=seed,
        scheme=None,
        rules=rules,
        strict=strict,
        source={"from": fspath(source)} | rules_of_source,
        source_layout=layout,
    )
    made._refuse_without_values()
    made.apply()
    return made


def save(
    module: nn.Module,
    path: Path,
    recipe: Path = "auto",
    seed: int = 0,
    *,
    max_shard_size: str | None = None,
    scheme: str | None = None,
    rules: Rules | None = None,
    dtype: torch.dtype | None = None,
    strict: bool = False,
) -> list[Path]:
    """Writes a module's first weights to safetensors without making them in memory: the module may
    be on the meta device, and of any size. Returns the files.

    Parameters and errors as :func:`plan` and :meth:`Plan.write`.
    """
    made = plan(module, recipe, seed, scheme=scheme, rules=rules, dtype=dtype, strict=strict)
    return made.write(path, max_shard_size=max_shard_size)


def planned(
    known: facts.Known,
    dtype: torch.dtype | None = None,
    *,
    recipe: Path,
    seed: int,
    scheme: str | None,
    rules: Rules | None,
    strict: bool,
    source: Mapping[str, Any] | None = None,
    source_layout: str | None = None,
) -> Plan:
    """The plan of what is known of a module; see :func:`plan` and :func:`load_`."""
    seed = checked(seed)
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype: a torch.dtype is needed, such as torch.bfloat16, not {dtype!r}")
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(f"dtype {dtype}: weights are floating-point numbers")
    described = _semilla.Description.of_shapes(known.json(dtype), known.config)
    made = described.plan(
        fspath(recipe),
        seed,
        scheme=scheme,
        rules=as_json(rules),
        strict=strict,
        ties=known.ties,
        source=None if source is None else json.dumps(source),
        source_layout=source_layout,
    )
    return Plan(made, known, dtype)
