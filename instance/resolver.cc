#include "instance/resolver.h"

#include <algorithm>
#include <tuple>

#include "instance/trusted.h"
#include "libmail/control_file.h"
#include "libmail/number.h"

namespace porpoise {
namespace {

bool holds(const std::vector<std::string>& sorted, std::string_view value) {
  return std::ranges::binary_search(sorted, value);
}

Result<std::vector<std::string>> lower_list(const Control& control, const std::string& name) {
  Result<Control::List> list = control.list(name);
  if (!list) return failed(list);
  for (std::string& entry : list->entries) entry = ascii_lower(entry);
  std::ranges::sort(list->entries);
  return std::move(list->entries);
}

}  // namespace

Result<Router> Router::load(const Instance& instance) {
  const Control control(instance.folder());
  Router router;
  Result<std::string> envnoathost = control.line_or_me("envnoathost");
  if (!envnoathost) return failed(envnoathost);
  router.envnoathost_ = std::move(*envnoathost);

  Result<std::vector<std::string>> locals = lower_list(control, "locals");
  if (!locals) return failed(locals);
  router.locals_ = std::move(*locals);
  Result<Control::List> set = control.list("locals");
  if (!set) return failed(set);
  if (!set->set) {
    Result<std::string> me = control.line_or_me("me");
    if (!me) return failed(me);
    router.locals_ = {ascii_lower(*me)};
  }

  Result<std::vector<std::string>> percenthack = lower_list(control, "percenthack");
  if (!percenthack) return failed(percenthack);
  router.percenthack_ = std::move(*percenthack);

  Result<Control::List> virtualdomains = control.list("virtualdomains");
  if (!virtualdomains) return failed(virtualdomains);
  for (std::size_t i = 0; i < virtualdomains->entries.size(); ++i) {
    const auto pair = mail::control_pair(virtualdomains->entries[i]);
    if (!pair) {
      return temporary("control/virtualdomains line {}: \"{}\" has no colon",
                       virtualdomains->lines[i], virtualdomains->entries[i]);
    }
    // With equal keys the last line wins, as it always did.
    router.virtual_.insert_or_assign(ascii_lower(pair->key), std::string(pair->value));
  }
  return router;
}

bool Router::is_local_domain(std::string_view domain) const {
  return holds(locals_, ascii_lower(domain));
}

Route Router::route(std::string_view recipient) const {
  std::string address(recipient);
  if (address.find('@') == std::string::npos) address += "@" + envnoathost_;
  std::size_t at = address.rfind('@');
  while (holds(percenthack_, ascii_lower(address.substr(at + 1)))) {
    const std::size_t percent = address.rfind('%', at);
    if (percent == std::string::npos) break;
    address.resize(at);
    address[percent] = '@';
    at = percent;
  }

  const std::string domain = ascii_lower(address.substr(at + 1));
  if (holds(locals_, domain)) {
    return {Route::Channel::local, address, fmt::format("control/locals: {}", domain)};
  }

  const auto lookup = [&](const std::string& key) -> const std::string* {
    const auto entry = virtual_.find(key);
    return entry != virtual_.end() ? &entry->second : nullptr;
  };
  std::vector<std::string> keys = {ascii_lower(address), domain};
  for (std::size_t dot = domain.find('.'); dot != std::string::npos;
       dot = domain.find('.', dot + 1)) {
    keys.push_back(domain.substr(dot));
  }
  keys.emplace_back();
  for (const std::string& key : keys) {
    const std::string* prefix = lookup(key);
    if (prefix == nullptr) continue;
    const std::string rule = fmt::format("control/virtualdomains: {}:{}", key, *prefix);
    if (prefix->empty()) return {Route::Channel::remote, address, rule};
    return {Route::Channel::local, fmt::format("{}-{}", *prefix, address), rule};
  }
  return {Route::Channel::remote, address,
          fmt::format("{} is in no list of local domains", domain)};
}

Result<Accounts> Accounts::load(const Instance& instance) {
  Accounts accounts;
  if (!instance.is_system()) accounts.owner_ = instance.owner();
  accounts.alias_ = instance.identities().alias;
  accounts.alias_home_ = instance.path() + "/alias";
  Result<std::optional<std::string>> text = trusted_text(instance, "users/assign");
  if (!text) return failed(text);
  if (!*text) return accounts;

  int number = 0;
  bool ended = false;
  for (std::string_view rest = **text; !rest.empty() && !ended;) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '.') {
      ended = true;
      continue;
    }
    const char kind = line.front();
    line.remove_prefix(1);
    std::vector<std::string> fields;
    while (fields.size() < 7) {
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) break;
      fields.emplace_back(line.substr(0, colon));
      line.remove_prefix(colon + 1);
    }
    Line entry;
    entry.number = number;
    const auto number_of = [](const std::string& s, auto& value) {
      // The last is "leave it as it is" to the kernel.
      return parse_number(s, value) && value != UINT32_MAX;
    };
    if ((kind != '=' && kind != '+') || fields.size() != 7 ||
        !number_of(fields[2], entry.account.uid) || !number_of(fields[3], entry.account.gid) ||
        !fields[4].starts_with('/')) {
      return temporary(
          "users/assign line {}: want =name:user:uid:gid:/home:dash:ext: or "
          "+prefix:user:uid:gid:/home:dash:pre:",
          number);
    }
    entry.key = ascii_lower(fields[0]);
    entry.account.user = fields[1];
    entry.account.home = fields[4];
    entry.account.dash = fields[5];
    entry.account.ext = fields[6];
    entry.account.rule = fmt::format("users/assign line {}", number);
    (kind == '=' ? accounts.exact_ : accounts.prefix_).push_back(std::move(entry));
  }
  if (!ended) return temporary("users/assign: no line of a single dot at its end");
  const auto order = [](const Line& line) { return std::tie(line.key, line.number); };
  std::ranges::sort(accounts.exact_, {}, order);
  std::ranges::sort(accounts.prefix_, {}, order);
  return accounts;
}

Account Accounts::account_of_owner() const {
  return {.user = owner_->name,
          .uid = owner_->uid,
          .gid = owner_->gid,
          .home = owner_->home,
          .dash = "",
          .ext = "",
          .rule = "control/owner"};
}

Account Accounts::alias(std::string_view local_part) const {
  return {.user = alias_.name,
          .uid = alias_.uid,
          .gid = alias_.gid,
          .home = alias_home_,
          .dash = "-",
          .ext = std::string(local_part),
          .rule = "alias/"};
}

std::optional<Account> Accounts::assigned(std::string_view local_part) const {
  const std::string key = ascii_lower(local_part);
  const auto match = [](const std::vector<Line>& lines, std::string_view wanted) -> const Line* {
    const auto line = std::ranges::lower_bound(lines, wanted, {}, &Line::key);
    return line != lines.end() && line->key == wanted ? &*line : nullptr;
  };
  if (const Line* line = match(exact_, key)) return line->account;
  for (std::size_t length = key.size() + 1; length-- > 0;) {
    if (const Line* line = match(prefix_, std::string_view(key).substr(0, length))) {
      Account account = line->account;
      account.ext += local_part.substr(length);
      return account;
    }
  }
  return std::nullopt;
}

Account Accounts::find(std::string_view local_part) const {
  if (std::optional<Account> listed = assigned(local_part)) return std::move(*listed);
  if (!owner_) return alias(local_part);
  const std::string key = ascii_lower(local_part);
  for (const std::string& name : {ascii_lower(owner_->name), fmt::format("{}", owner_->uid)}) {
    Account account = account_of_owner();
    if (key == name) return account;
    if (key.starts_with(name + "-")) {
      account.dash = "-";
      account.ext = local_part.substr(name.size() + 1);
      return account;
    }
  }
  return alias(local_part);
}

std::optional<Account> Accounts::login(std::string_view name) const {
  const std::string key = ascii_lower(name);
  const auto line = std::ranges::lower_bound(exact_, key, {}, &Line::key);
  if (line != exact_.end() && line->key == key) {
    return line->account.dash.empty() ? std::optional(line->account) : std::nullopt;
  }
  if (!owner_ || key != ascii_lower(owner_->name)) return std::nullopt;
  return account_of_owner();  // not find(): a prefix line for everything is no login
}

}  // namespace porpoise
