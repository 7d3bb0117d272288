#!/bin/sh
# Programs that only tests need:  deploy/local/test-tools.sh old-broker|compose|python-clients|node-clients
# Prints the command, one word a line. What is missing is taken from Debian's packages, or with pip or npm, and unpacked
# below .neptune/tools, which needs no root. Exits with 3 and the reason when it cannot be had.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
ROOT=$(CDPATH='' cd -- "$HERE/../.." && pwd -P)
TOOLS=$ROOT/.neptune/tools
# shellcheck source=deploy/local/lib/common.sh
. "$HERE/lib/common.sh"

unavailable() {
  printf '%s\n' "$*" >&2
  exit 3
}

# unpack DIRECTORY PACKAGE…: Debian's packages without installing them.
unpack() {
  directory=$1
  shift
  if [ -d "$directory" ]; then return 0; fi
  for program in apt-get dpkg; do
    on_path "$program" >/dev/null || unavailable "$program is missing, so the package $1 cannot be unpacked"
  done
  rm -rf "$directory.new"
  mkdir -p "$directory.new/packages"
  if ! (cd "$directory.new/packages" && apt-get download -qq -o Acquire::http::Timeout=20 "$@") >/dev/null 2>&1; then
    rm -rf "$directory.new"
    unavailable "apt-get cannot download $1 (apt-get update may help)"
  fi
  for package in "$directory.new"/packages/*.deb; do
    dpkg -x "$package" "$directory.new"
  done
  rm -rf "$directory.new/packages"
  mv "$directory.new" "$directory"
}

# A broker from before the settings that Neptune relies on.
old_broker() {
  unpack "$TOOLS/debian-nats-server" nats-server
  broker=$TOOLS/debian-nats-server/usr/bin/nats-server
  [ -x "$broker" ] || broker=$TOOLS/debian-nats-server/usr/sbin/nats-server
  version=$("$broker" --version 2>/dev/null | sed -n 's/.*v\([0-9]*\)\.\([0-9]*\).*/\1\2/p')
  [ -n "$version" ] || unavailable "Debian's nats-server does not run on this machine"
  case $version in
    2[0-9] | 210 | 211) say "$broker" ;;
    *) unavailable "Debian's nats-server is not older than 2.12 any more" ;;
  esac
}

# Any implementation of compose: the plugin, a program of its own, or Debian's package.
compose() {
  if docker compose version >/dev/null 2>&1; then
    printf 'docker\ncompose\n'
  elif on_path docker-compose; then
    :
  else
    unpack "$TOOLS/debian-compose" docker-compose python3-docker python3-dockerpty python3-docopt \
      python3-dotenv python3-jsonschema python3-requests python3-texttable python3-websocket python3-yaml \
      python3-distro python3-cached-property python3-pyrsistent python3-attr python3-six \
      python3-pkg-resources python3-urllib3 python3-idna python3-charset-normalizer python3-chardet \
      python3-certifi
    tree=$TOOLS/debian-compose/usr
    set -- env "PYTHONPATH=$tree/lib/python3/dist-packages" /usr/bin/python3 "$tree/bin/docker-compose"
    "$@" version >/dev/null 2>&1 || unavailable "Debian's docker-compose does not run on this machine"
    printf '%s\n' "$@"
  fi
}

# Python with the official packages of OpenAI and Anthropic, of one known version.
python_clients() {
  python=$(on_path python3) || unavailable "python3 is missing, so OpenAI's and Anthropic's packages cannot be tried"
  tree=$TOOLS/python-clients-1
  if [ ! -d "$tree" ]; then
    rm -rf "$tree.$$"
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary=:all: --target "$tree.$$" \
      openai==3.57.0 anthropic==2.14.0 >&2 || {
      rm -rf "$tree.$$"
      unavailable "pip cannot install OpenAI's and Anthropic's packages"
    }
    [ -d "$tree" ] && rm -rf "$tree.$$" || mv "$tree.$$" "$tree"
  fi
  printf '%s\n' env "PYTHONPATH=$tree" "$python"
}

# Node with the same.
node_clients() {
  node=$(on_path node) && on_path npm >/dev/null || unavailable "node or npm is missing, so OpenAI's and Anthropic's packages cannot be tried"
  tree=$TOOLS/node-clients-1
  if [ ! -d "$tree" ]; then
    rm -rf "$tree.$$"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tree.$$" \
      openai@7.57.0 @anthropic-ai/sdk@1.14.0 >&2 || {
      rm -rf "$tree.$$"
      unavailable "npm cannot install OpenAI's and Anthropic's packages"
    }
    [ -d "$tree" ] && rm -rf "$tree.$$" || mv "$tree.$$" "$tree"
  fi
  printf '%s\n' env "NODE_PATH=$tree/node_modules" "$node"
}

case ${1:-} in
  python-clients) python_clients ;;
  node-clients) node_clients ;;
  old-broker) old_broker ;;
  compose) compose ;;
  *) die "usage: deploy/local/test-tools.sh old-broker|compose|python-clients|node-clients" ;;
esac
