"""``redflags practice``: interview rounds, graded, and back again before they fade."""

from __future__ import annotations

import typer

from . import authors, beginning, grading, memory, reviewing

app = typer.Typer(help="Practise code-review interview rounds.", no_args_is_help=True)
dev = typer.Typer(help="For authors of scenarios.", no_args_is_help=True)

for command in (
    beginning.start,
    beginning.drill,
    reviewing.web,
    reviewing.status,
    reviewing.watch,
    reviewing.hint,
    grading.done,
    grading.dispute,
    grading.show,
    memory.due,
    memory.plan,
    memory.stats,
):
    app.command()(command)
app.command("list")(authors.list_scenarios)
app.command()(authors.tags)
app.command("pack")(authors.make_pack)
app.command("export")(memory.export_memory)
app.command("import")(memory.import_memory)
app.command()(memory.reset)
dev.command("check")(authors.check_scenarios)
app.add_typer(dev, name="dev")
