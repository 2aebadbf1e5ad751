// Errors of files that are named relative to an instance say which instance.

#pragma once

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::front {

[[nodiscard]] inline tl::unexpected<Error> in_instance(const Instance& instance, Error error) {
  error.text = fmt::format("instance {}: {}", instance.path(), error.text);
  return tl::make_unexpected(std::move(error));
}

}  // namespace porpoise::front
