"""A local worker process: Beam's own, as quiet as the command that started it."""

import logging
import os
import sys
import warnings

# Set by the command for its workers; Beam passes them no options.
QUIET = "SEISMILL_QUIET_WORKERS"

if __name__ == "__main__":
    if os.environ.get(QUIET):
        logging.disable(logging.ERROR)
        warnings.simplefilter("ignore")
    from apache_beam.runners.worker.sdk_worker_main import main

    main(sys.argv)
