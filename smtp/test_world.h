// For tests and fuzz targets: a world that remembers what a session did to it, and holds the
// session to what World says.

#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "smtp/world.h"

namespace porpoise::smtp {

class TestWorld : public World {
 public:
  struct Message {
    Trace trace;
    std::string text;
    mail::Envelope envelope;
  };

  /// nobody@..., later@... and elsewhere@... are refused, list@... is not verified.
  Taken<Checked> check(const std::string& address) override {
    expect(!address.empty());
    if (address.starts_with("nobody@")) {
      return tl::make_unexpected(Refusal{550, {5, 1, 1}, "no such mailbox here"});
    }
    if (address.starts_with("later@")) {
      return tl::make_unexpected(Refusal{451, {4, 3, 0}, "cannot tell now"});
    }
    return Checked{.address = address, .verified = !address.starts_with("list@")};
  }

  Taken<> begin(const Trace& trace) override {
    expect(!open_);
    if (refuse_begin) return tl::make_unexpected(*refuse_begin);
    open_ = Message{.trace = trace, .text = {}, .envelope = {}};
    return {};
  }

  Taken<> append(std::string_view text) override {
    expect(open_.has_value() && !text.empty());
    open_->text += text;
    if (refuse_append && open_->text.size() >= refuse_append_from) {
      return tl::make_unexpected(*refuse_append);
    }
    return {};
  }

  Taken<std::string> commit(const mail::Envelope& envelope) override {
    expect(open_.has_value() && !envelope.recipients.empty());
    Message message = std::move(*open_);
    open_.reset();
    if (refuse_commit) return tl::make_unexpected(*refuse_commit);
    message.envelope = envelope;
    messages.push_back(std::move(message));
    return std::to_string(messages.size());
  }

  void abandon() override {
    expect(open_.has_value());
    open_.reset();
    ++abandoned;
  }

  bool writing() const { return open_.has_value(); }

  std::vector<Message> messages;
  int abandoned = 0;
  std::optional<Refusal> refuse_begin, refuse_append, refuse_commit;
  std::size_t refuse_append_from = 0;  ///< octets of a text

 private:
  static void expect(bool holds) {
    if (!holds) std::abort();
  }

  std::optional<Message> open_;
};

}  // namespace porpoise::smtp
