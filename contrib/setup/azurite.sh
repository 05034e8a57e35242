#!/bin/bash
# Install Azurite, an Azure Blob Storage for tests, and node if it is missing, into a
# folder that is made anew when the lock changes.
set -euo pipefail
folder=$(realpath -m "$1")
lock=$(realpath "$(dirname "$0")/../servers/azurite")

if ! command -v npm >/dev/null; then
    "$(dirname "$0")/debian_packages.sh" "The tests need" nodejs npm
fi

rm -rf "$folder"
mkdir -p "$folder"
cp "$lock"/package.json "$lock"/package-lock.json "$folder"
npm ci --prefix "$folder" --loglevel=error --no-audit --no-fund --ignore-scripts >&2
