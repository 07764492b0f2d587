#!/bin/sh
# The steps of an image, one after the other or by name: system, packages, atlases, clean. Dockerfile and chiomics.def call
# them, and so does `make test-container` in a bare Debian root, so that what was tested is what is built.
#   SOURCE       the checkout (default: the folder above this file)
#   TARGET       where the environment is made (/opt/chiomics)
#   TORCH        yes, or no: without the networks of three studies and the brain extraction by a network
#   TORCH_INDEX  an index of CPU builds of torch; without it Linux gets the build for graphics cards, several GB more
#   MRTRIX       yes, or no: tracts traced on diffusion images
#   REVISION     commit of the checkout, where git is not at hand
#   ATLASES      names to bake in, e.g. "allen2020 hcp842", or nothing
set -eu
SOURCE=${SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
TARGET=${TARGET:-/opt/chiomics}
STORE=${STORE:-/opt/atlases}
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore DEBIAN_FRONTEND=noninteractive

system() {
    set -- python3 python3-venv ca-certificates
    [ "${MRTRIX:-no}" = yes ] && set -- "$@" mrtrix3
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    rm -rf /var/lib/apt/lists/*
}

packages() {
    python3 -m venv "$TARGET"
    pip="$TARGET/bin/pip install --quiet"
    $pip --require-hashes -r "$SOURCE/requirements-build.lock"
    $pip --require-hashes --no-build-isolation -r "$SOURCE/requirements.lock"
    if [ "${TORCH:-yes}" = yes ]; then
        $pip ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r "$SOURCE/requirements-torch.txt"
        $pip --no-deps --require-hashes -r "$SOURCE/requirements-deepbet.lock"
    fi
    # A wheel holds the workflow: the image needs no checkout.
    build=$(mktemp -d)
    cp -R "$SOURCE/." "$build"
    [ -z "${REVISION:-}" ] || echo "$REVISION" >"$build/src/chiomics/commit.txt"
    $pip --no-deps --no-build-isolation "$build"
    rm -rf "$build"
    # What was compiled at build time is no file of any user's.
    find "$TARGET" -name '*.nbi' -delete
}

atlases() {
    for name in ${ATLASES:-}; do
        "$TARGET/bin/python" -c 'import sys; from chiomics.anatomy.atlases.fetch import fetch_atlas; fetch_atlas(*sys.argv[1:])' \
            "$name" "$STORE"
    done
    mkdir -p "$STORE"
    chmod -R a+rX "$STORE"
}

clean() {
    # Tools of development alone; what runs imports none of them.
    "$TARGET/bin/pip" uninstall --quiet --yes mypy ruff snakefmt black codespell pandas-stubs pytest-cov coverage 2>/dev/null
    find "$TARGET" -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} +
    rm -rf /tmp/* /root/.cache
}

for step in "${@:-system packages atlases clean}"; do
    for one in $step; do $one; done
done
