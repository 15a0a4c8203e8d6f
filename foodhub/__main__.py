"""`python -m foodhub`: the command `foodhub` for those who have the package but not the script. No logic lives here."""

from foodhub.cli.main import main

if __name__ == "__main__":
    main()
