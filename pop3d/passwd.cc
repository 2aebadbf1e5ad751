#include "pop3d/passwd.h"

#include <algorithm>
#include <chrono>
#include <crypt.h>
#include <fcntl.h>
#include <memory>
#include <string.h>
#include <sys/stat.h>

#include "instance/control.h"
#include "instance/resolver.h"
#include "libmail/pop3_command.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"

namespace porpoise::pop3d {
namespace {

constexpr std::chrono::seconds kLockPatience(10);

// A line without its LF, and where it lies in the file.
struct Line {
  std::string_view text;
  std::size_t begin = 0, end = 0;
};

std::string_view name_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon == std::string_view::npos ? std::string_view() : line.substr(0, colon);
}

// The first line of `name`; begin is npos where there is none.
Line line_of(std::string_view passwd, std::string_view name) {
  for (std::size_t begin = 0; begin < passwd.size();) {
    const std::size_t end = std::min(passwd.find('\n', begin), passwd.size());
    const std::string_view text = passwd.substr(begin, end - begin);
    if (!text.starts_with('#') && ascii_equal(name_of(text), name) && !name.empty()) {
      return {text, begin, end};
    }
    begin = end + 1;
  }
  return {"", std::string_view::npos, 0};
}

// crypt(3) into `data`, of which only the result is of use.
std::string crypted(const std::string& password, const char* setting, struct crypt_data& data) {
  const char* result = ::crypt_rn(password.c_str(), setting, &data, sizeof data);
  std::string hash = result != nullptr ? result : "";
  ::explicit_bzero(&data, sizeof data);
  return hash;
}

std::string crypted(const std::string& password, const char* setting) {
  auto data = std::make_unique<struct crypt_data>();  // 32 KiB
  return crypted(password, setting, *data);
}

// In a time that does not tell where they differ.
bool equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned>(a[i] ^ b[i]);
  return different == 0;
}

bool is_typable(std::string_view password) {
  return !password.empty() && password.size() <= kMaxPasswordOctets &&
         password.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

// Who may write to it may log in as anybody, and who may read it can try passwords at leisure.
Result<> check_passwd_file(const Instance& instance) {
  if (!instance.is_system()) return {};
  struct stat st{};
  if (::fstatat(instance.folder(), "users/passwd", &st, AT_SYMLINK_NOFOLLOW) != 0) return {};
  if (S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 077) == 0) return {};
  return temporary("users/passwd: want a file of root's with mode 0600");
}

Result<std::string> passwd_text(const Instance& instance) {
  if (Result<> done = check_passwd_file(instance); !done) return failed(done);
  Result<std::optional<std::string>> text = Control(instance.folder(), "users/").text("passwd");
  if (!text) return failed(text);
  return text->value_or("");
}

Result<> check_name(const Instance& instance, std::string_view name) {
  if (!mail::is_pop3_name(name) || name.find(':') != std::string_view::npos ||
      name.front() == '#') {
    return permanent("\"{}\" cannot be a name to log in with", name);
  }
  if (instance.is_system()) return {};  // whose accounts are the caller's to know
  Result<Accounts> accounts = Accounts::load(instance);
  if (!accounts) return failed(accounts);
  if (accounts->login(name)) return {};
  return permanent(
      "instance {} has no local name {} to log in with (it is neither the owner nor an "
      "exact line of users/assign)",
      instance.path(), name);
}

}  // namespace

std::string_view hash_in(std::string_view passwd, std::string_view name) {
  std::string_view text = line_of(passwd, name).text;
  if (text.empty()) return "";
  text.remove_prefix(text.find(':') + 1);
  return text.substr(0, text.find(':'));
}

std::string with_hash(std::string_view passwd, std::string_view name, std::string_view hash) {
  const Line line = line_of(passwd, name);
  if (line.begin == std::string_view::npos) {
    const char* gap = passwd.empty() || passwd.ends_with('\n') ? "" : "\n";
    return fmt::format("{}{}{}:{}\n", passwd, gap, name, hash);
  }
  const std::size_t from = line.begin + line.text.find(':') + 1;
  const std::size_t to = std::min(passwd.find(':', from), line.end);
  return fmt::format("{}{}{}", passwd.substr(0, from), hash, passwd.substr(to));
}

Result<std::string> new_hash(const std::string& password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, setting, sizeof setting) == nullptr) {
    return posix::trouble(errno, "making a salt");
  }
  std::string hash = crypted(password, setting);
  if (!hash.starts_with("$y$")) return temporary("hashing a password: crypt(3) failed");
  return hash;
}

bool matches(const std::string& password, const std::string& hash) {
  // crypt(3) tells a failure by a text that begins with '*', which is nobody's hash.
  return !hash.empty() && hash.front() != '*' && equal(crypted(password, hash.c_str()), hash);
}

Result<> set_password(const Instance& instance, std::string_view name, std::string_view password) {
  if (Result<> done = instance.require_administrator(); !done) return done;
  if (Result<> done = check_name(instance, name); !done) return done;
  if (!is_typable(password)) {
    return permanent("a password has 1 to {} octets, none of them NUL, CR or LF",
                     kMaxPasswordOctets);
  }
  Result<std::string> hash = new_hash(std::string(password));
  if (!hash) return failed(hash);

  Result<posix::UniqueFd> users = instance.open_folder("users");
  if (!users) return failed(users);
  Result<posix::UniqueFd> lock = posix::open_at(users->get(), "passwd.lock", O_RDWR | O_CREAT);
  if (!lock) return failed(lock);
  if (Result<> done = posix::lock(lock->get(), "users/passwd", kLockPatience); !done) return done;
  Result<std::string> text = passwd_text(instance);
  if (!text) return failed(text);
  return posix::replace_file(users->get(), "passwd", with_hash(*text, name, *hash), 0600);
}

Result<bool> verify_password(const Instance& instance, std::string_view name,
                             const std::string& password) {
  Result<std::string> text = passwd_text(instance);
  if (!text) return failed(text);
  const std::string hash(hash_in(*text, name));
  if (!hash.empty()) return matches(password, hash);
  (void)matches(password, kNobodysHash);
  return false;
}

}  // namespace porpoise::pop3d
