#!/bin/bash
# Install rsync and ssh for tests, if one of them is missing.  Neither starts a service.
set -euo pipefail

if ! command -v rsync >/dev/null || ! command -v ssh >/dev/null; then
    "$(dirname "$0")/debian_packages.sh" "The tests need" rsync openssh-client
fi
