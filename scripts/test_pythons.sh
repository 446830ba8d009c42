#!/usr/bin/env bash
# Run the tests on every supported Python that is installed, each in its own virtual environment:
#
#     scripts/test_pythons.sh                          3.11, 3.12 and 3.13, on PATH or in pyenv
#     scripts/test_pythons.sh 3.12 -- -k workers       only 3.12, with arguments for pytest
#     TORCH=1 scripts/test_pythons.sh                  install torch too (hundreds of MB each) and run parity_tests/
#     PROCESSES=4 scripts/test_pythons.sh              number of test processes (default: 2)
#
# The environments are kept in FOLDER (default: minigrad-pythons in the folder for temporary files).
set -uo pipefail
cd "$(dirname "$0")/.."
folder=${FOLDER:-${TMPDIR:-/tmp}/minigrad-pythons}

versions=()
while (($#)) && [[ $1 != -- ]]; do
    versions+=("$1")
    shift
done
(($#)) && shift
((${#versions[@]})) || versions=(3.11 3.12 3.13)

# Print the path of a Python of that version, or nothing.
find_python() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1"*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

results=()
status=0
for version in "${versions[@]}"; do
    python=$(find_python "$version")
    if [[ -z $python ]]; then
        results+=("Python $version: not installed, not tested")
        continue
    fi
    environment=$folder/$version
    echo "=== Python $version: $python, in $environment"
    extra=check tests=(tests)
    [[ -n ${TORCH:-} ]] && extra=test tests=(tests parity_tests)
    installed=$environment/$extra.stamp
    if [[ ! $installed -nt pyproject.toml ]] &&
        ! { "$python" -m venv "$environment" &&
            "$environment/bin/python" -m pip install --quiet --editable ".[$extra]" && touch "$installed"; }; then
        results+=("Python $version: its environment could not be installed")
        status=1
        continue
    fi
    if OPENBLAS_NUM_THREADS=1 "$environment/bin/python" -m pytest -n "${PROCESSES:-2}" --maxschedchunk 1 \
        -o console_output_style=classic "${tests[@]}" "$@"; then
        results+=("Python $version: passed")
    else
        results+=("Python $version: FAILED")
        status=1
    fi
    [[ -n ${TORCH:-} ]] || results+=("    parity_tests/ not run: they need torch (TORCH=1 installs it)")
done
echo
printf '%s\n' "${results[@]}"
exit $status
