# Sourced by ops/run and ops/test: what has to be on a Debian machine, and how it gets there.

BUILD_PACKAGES=(build-essential pkg-config libopus-dev libssl-dev)
# Peers that the tests talk to, and what listens to them.
TEST_PACKAGES=(sip-tester kamailio kamailio-websocket-modules kamailio-tls-modules kamailio-outbound-modules kamailio-utils-modules
  kamailio-extra-modules rtpengine-daemon baresip-core chromium firefox-esr pulseaudio coturn iproute2 iptables wireshark-common openssl ca-certificates ffmpeg sox age)
# What Vite and the tests need: import.meta.dirname, require(esm).
NODE_MINIMUM=20.19.0

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

need_cargo() {
  if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH="$HOME/.cargo/bin:$PATH"; fi
  command -v cargo >/dev/null || die "Rust is missing: install it from https://rustup.rs, then run this again."
}

# A cache outside the checkout spares a repeated run most of its building; nothing depends on it.
use_cache() {
  [ -n "${WARMLINE_CACHE:-}" ] && [ -d "$WARMLINE_CACHE" ] || return 0
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$WARMLINE_CACHE/target}"
  export npm_config_cache="${npm_config_cache:-$WARMLINE_CACHE/npm}"
}

need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "Missing: ${missing[*]}. This is no Debian, so install what corresponds to them by hand."
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || die "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
    root=(sudo -n)
  fi
  say "Installing ${missing[*]} …"
  without_services "${root[@]}" || die "Installing ${missing[*]} didn't work; see above."
}

# Debian starts a daemon when its package is installed. The tests start their own, on ports of their own, so none is wanted.
without_services() {
  local policy=/usr/sbin/policy-rc.d mine='' status=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "$@" tee $policy >/dev/null && "$@" chmod 755 $policy && mine=yes
  fi
  { "$@" apt-get update -qq && "$@" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } </dev/null >&2 || status=$?
  if [ -n "$mine" ]; then "$@" rm -f $policy; fi
  return $status
}

node_suffices() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [ "$(printf '%s\n' "$NODE_MINIMUM" "$(node -p process.versions.node)" | sort -V | head -n 1)" = "$NODE_MINIMUM" ]
}

# Debian 12's Node is too old for Vite; npm itself can bring a newer one, beside the system's and not instead of it.
need_node() {
  local own="${XDG_CACHE_HOME:-$HOME/.cache}/warmline/node"
  [ -x "$own/node_modules/.bin/node" ] && PATH="$own/node_modules/.bin:$PATH"
  node_suffices && return
  need_packages nodejs npm
  node_suffices && return
  say "Installing a Node newer than $(node --version) in $own …"
  npm install --prefix "$own" --no-audit --no-fund --loglevel=error node@22 </dev/null >&2 || die "Node $NODE_MINIMUM or newer is needed for the tests."
  PATH="$own/node_modules/.bin:$PATH"
  node_suffices || die "Node $NODE_MINIMUM or newer is needed for the tests."
}

# Peers that are written in Python, each at one version, beside the system's packages and not among them.
need_python() {
  local own="${XDG_CACHE_HOME:-$HOME/.cache}/warmline/python" wanted=ops/tests/requirements.txt
  export WARMLINE_PYTHON="${WARMLINE_PYTHON:-$own/bin/python}"
  [ "$WARMLINE_PYTHON" = "$own/bin/python" ] || return 0
  cmp -s "$wanted" "$own/installed" && return
  command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || need_packages python3 python3-venv
  say "Installing the tests' Python packages in $own …"
  rm -rf "$own"
  python3 -m venv "$own" && "$own/bin/pip" install -q --disable-pip-version-check -r "$wanted" </dev/null >&2 && cp "$wanted" "$own/installed" ||
    die "The tests' Python packages can't be installed."
}
