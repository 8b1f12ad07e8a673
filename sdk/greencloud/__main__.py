"""``python -m greencloud``."""

from greencloud.cli import main

if __name__ == "__main__":
    main(prog_name="greencloud")
