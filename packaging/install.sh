# Sourced by ./demo and ./check: the Debian packages they need, and nothing else.
# None of them provides a mail transport, a POP server or a service.

packages_to_build="g++ cmake ninja-build libfmt-dev libcli11-dev libexpected-dev libcrypt-dev"
packages_to_show="git git-email libmailtools-perl mutt curl util-linux procps"
packages_to_check="clang-19 libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19
  libgtest-dev libgmock-dev python3 python3-pytest python3-pytest-xdist
  mandoc php-cli libmime-lite-perl libmime-tools-perl strace pkg-config libfuse3-dev fuse3 e2fsprogs xfsprogs btrfs-progs s-nail libnss-wrapper perl swaks msmtp mpop fetchmail valgrind openssl systemd"

# Only to compare with, in bench/: left out where it is not there.
packages_to_compare="libgmime-3.0-dev"

# To make private roots for other people's servers: ./check --peers and --full.
packages_for_roots="debootstrap"

# install PACKAGE...: what is missing of it, as root or through sudo; says what it installs.
install() {
  local package missing=() root=()
  for package in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *" ok installed") ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "missing packages: ${missing[*]}" >&2
      echo "there is no sudo; install them as root: apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    }
    root=(sudo)
  fi
  echo "installing Debian packages: ${missing[*]}"
  "${root[@]}" apt-get update -qq || return 1
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || return 1
}
