#include "libmail/qualify.h"

namespace porpoise::mail {
namespace {

void append_label(std::string& domain, const std::string& rest) {
  if (!domain.empty() && !rest.empty()) domain += '.';
  domain += rest;
}

}  // namespace

std::string qualify_domain(std::string domain, const Hosts& hosts) {
  if (domain.empty()) domain = hosts.default_host;
  if (domain.find('[') != std::string::npos) return domain;
  if (domain.ends_with('+')) {
    domain.pop_back();
    if (domain.ends_with('.')) domain.pop_back();  // "a.+": no empty part
    append_label(domain, hosts.plus_domain);
  } else if (domain.find('.') == std::string::npos) {
    append_label(domain, hosts.default_domain);
  }
  return domain;
}

bool qualify(Mailbox& mailbox, const Hosts& hosts) {
  if (mailbox.null) return false;
  std::string domain = qualify_domain(mailbox.domain, hosts);
  const bool changed = domain != mailbox.domain;
  mailbox.domain = std::move(domain);
  return changed;
}

}  // namespace porpoise::mail
