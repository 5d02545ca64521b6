"""Read by mypy --strict: what users write has types."""

from pathlib import Path

import semilla

plan: semilla.Plan = semilla.Description.read("mlp:8-4-2:relu").plan("auto", 3)
names: list[str] = plan.names
stds: list[float | None] = [line.std for line in plan.lines]
part: bytes = plan.tensor(names[0], offset=[0, 0], size=[1, 8])
print(plan[names[0]].reason, len(plan), plan.table(80), Path("out.safetensors"))
