"""The paper's recipes: a script per task, each the program of an `offkeras` command."""

from offkeras.storage import console

console.speak_for_itself()
