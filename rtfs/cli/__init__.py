"""The command line: `main.main(argv)` gives an exit code; each command is a module that is imported when it is used."""
