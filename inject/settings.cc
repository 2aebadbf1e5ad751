#include "inject/settings.h"

#include <algorithm>
#include <initializer_list>

namespace porpoise::inject {
namespace {

using Names = std::initializer_list<const char*>;

struct Variable {
  const char* name;
  std::string value;
};

std::optional<Variable> first_set(const Environment& environment, Names names, bool empty_counts) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value != nullptr && (empty_counts || value[0] != '\0')) return Variable{name, value};
  }
  return std::nullopt;
}

Outcome<> check_host(std::string_view what, const std::string& host) {
  if (host.size() > kLongestHost) {
    return refuse(Cause::configuration, "{}: longer than {} octets", what, kLongestHost);
  }
  const std::string_view fault = mail::domain_fault(host);
  if (fault.empty()) return {};
  return refuse(Cause::configuration, "{}: \"{}\" is no host name: {}", what, host, fault);
}

Outcome<std::optional<std::string>> user_of(const Environment& environment, Names names) {
  std::optional<Variable> set = first_set(environment, names, false);
  if (!set) return std::optional<std::string>();
  if (std::ranges::any_of(set->value, is_control)) {
    return refuse(Cause::configuration, "{} in the environment holds a control character",
                  set->name);
  }
  if (set->value.size() > kLongestUser) {
    return refuse(Cause::configuration, "{} in the environment: longer than {} octets", set->name,
                  kLongestUser);
  }
  return std::optional(std::move(set->value));
}

Outcome<std::optional<std::string>> host_of(const Environment& environment, Names names) {
  std::optional<Variable> set = first_set(environment, names, false);
  if (!set) return std::optional<std::string>();
  Outcome<> good = check_host(fmt::format("{} in the environment", set->name), set->value);
  if (!good) return failed(good);
  return std::optional(std::move(set->value));
}

Outcome<std::string> host_or(const Environment& environment, Names variables, const char* control,
                             const std::string& otherwise) {
  Outcome<std::optional<std::string>> set = host_of(environment, variables);
  if (!set) return failed(set);
  if (*set) return **set;
  Outcome<> good = check_host(fmt::format("control/{}", control), otherwise);
  if (!good) return failed(good);
  return otherwise;
}

Letters letters_of(const Environment& environment) {
  const char* value = either(environment, "QMAILINJECT");
  const std::string_view set = value != nullptr ? value : "";
  const auto has = [&](char c) { return set.find(c) != std::string_view::npos; };
  return {.comment_from = has('c'),
          .ignore_return_path = has('s'),
          .delete_from = has('f'),
          .delete_message_id = has('i'),
          .recipient_verp = has('r'),
          .message_verp = has('m'),
          .utf8_names = has('u')};
}

}  // namespace

const char* either(const Environment& environment, std::string_view name) {
  const std::string qmail(name);
  const char* value = environment(qmail.c_str());
  return value != nullptr ? value : environment(qmail.c_str() + 1);
}

std::string gecos_name(std::string_view gecos, std::string_view user) {
  std::string name;
  for (const char c : gecos.substr(0, gecos.find(','))) {
    if (c != '&') {
      name += c;
    } else if (!user.empty()) {
      const char first = user.front();
      name += first >= 'a' && first <= 'z' ? static_cast<char>(first - 32) : first;
      name += user.substr(1);
    }
  }
  return name;
}

Outcome<Settings> make_settings(const Environment& environment, const HostDefaults& defaults) {
  Settings s;
  const auto host = [&](std::string& into, Names variables, const char* control,
                        const std::string& otherwise) -> Outcome<> {
    Outcome<std::string> value = host_or(environment, variables, control, otherwise);
    if (!value) return failed(value);
    into = std::move(*value);
    return {};
  };
  const auto optional = [](std::optional<std::string>& into,
                           Outcome<std::optional<std::string>> value) -> Outcome<> {
    if (!value) return failed(value);
    into = std::move(*value);
    return {};
  };
  for (Outcome<> done : {
           host(s.hosts.default_host, {"QMAILDEFAULTHOST", "MAILDEFAULTHOST"}, "defaulthost",
                defaults.default_host),
           host(s.hosts.default_domain, {"QMAILDEFAULTDOMAIN", "MAILDEFAULTDOMAIN"},
                "defaultdomain", defaults.default_domain),
           host(s.hosts.plus_domain, {"QMAILPLUSDOMAIN", "MAILPLUSDOMAIN"}, "plusdomain",
                defaults.plus_domain),
           host(s.id_host, {"QMAILIDHOST", "MAILIDHOST"}, "idhost", defaults.id_host),
           optional(s.user, user_of(environment, {"QMAILUSER", "MAILUSER", "USER", "LOGNAME"})),
           optional(s.host, host_of(environment, {"QMAILHOST", "MAILHOST"})),
           optional(s.sender_user, user_of(environment, {"QMAILSUSER", "MAILSUSER"})),
           optional(s.sender_host, host_of(environment, {"QMAILSHOST", "MAILSHOST"})),
       }) {
    if (!done) return failed(done);
  }
  if (auto name = first_set(environment, {"QMAILNAME", "MAILNAME", "NAME"}, true)) {
    s.name = std::move(name->value);
  }
  s.letters = letters_of(environment);
  return s;
}

}  // namespace porpoise::inject
