#include "instance/retry_rules.h"

#include "instance/control.h"

namespace porpoise {

Result<mail::RetryRules> read_retry_rules(const Instance& instance) {
  Result<std::optional<std::string>> text = Control(instance.folder()).text("retry");
  if (!text) return failed(text);
  Result<mail::RetryRules> rules = mail::RetryRules::parse("control/retry", text->value_or(""));
  if (!rules) rules.error().fate = Fate::temporary;
  return rules;
}

}  // namespace porpoise
