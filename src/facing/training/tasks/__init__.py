"""What can be trained: one file per task, and its file name is the word a recipe says in `task`.

A task file exports `TASK = Task(...)` (`facing.training.task`), which is six things:

    recipe      subclass of `facing.training.recipe.Recipe`; adds the task's own sections as frozen `Section`s
    network     (recipe) -> torch module, weights drawn from torch's global generator (already seeded)
    source      (recipe, data) -> Source; `source(step)` makes training batch number `step`, a dict of
                tensors that depends on the recipe, the data and the number alone. It runs in a background
                thread, so it must not touch torch's global generator
    loss        (network, batch, recipe) -> dict of scalar tensors; "loss" is the one that is minimised,
                the others are logged
    validation  (recipe, data) -> function of a network in eval mode -> dict of figures, smaller is better
    score       name of the figure that decides which weights are "best"

`data` is the folder that all paths of the recipe start from. Everything else (seed, schedule, precision,
averaged weights, checkpoints, resume, log) is `facing.training.fit`, the same for every task.
Inputs of a network are uint8 pictures (N, H, W, 3); normalisation lies inside the network.
"""
