"""The `decl` command. Each subcommand is one module with `arguments` and `run`, imported when it is used.

main     arguments and exit codes       console  diagnostics and tables on the terminal
data     files and values -> arrays     programs files -> sources, problems and layers
"""
