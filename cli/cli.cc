#include "cli/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "libmail/number.h"

namespace porpoise::cli {

// A subcommand's Body lends the App that its parent owns.
struct Parser::Body {
  std::unique_ptr<CLI::App> owned;
  CLI::App* app = nullptr;
  std::vector<std::unique_ptr<Parser>> commands;
};

namespace {

void write_to(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// One line, whatever was on the command line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = c == '\n' ? ' ' : '?';
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// The App whose help was asked for: the innermost command on the line.
const CLI::App* innermost(const CLI::App* app) {
  for (;;) {
    const std::vector<CLI::App*> chosen = app->get_subcommands();
    if (chosen.empty()) return app;
    app = chosen.front();
  }
}

}  // namespace

Parser::Parser(std::string name, std::string description) : body_(std::make_unique<Body>()) {
  body_->owned = std::make_unique<CLI::App>(std::move(description), std::move(name));
  body_->app = body_->owned.get();
  body_->app->set_help_flag("-h,--help", "show this help and exit");
}

Parser::Parser(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Parser::Parser(Parser&&) noexcept = default;
Parser::~Parser() = default;

Parser& Parser::flag(const std::string& names, bool& set, const std::string& help) {
  body_->app->add_flag(names, set, help);
  return *this;
}

Parser& Parser::option(const std::string& names, std::string& value, const std::string& help) {
  body_->app->add_option(names, value, help);
  return *this;
}

Parser& Parser::option(const std::string& names, std::optional<std::string>& value,
                       const std::string& help) {
  body_->app->add_option(names, value, help);
  return *this;
}

// Not CLI11's own reading of numbers, which takes one too large for the largest.
Parser& Parser::option(const std::string& names, std::int64_t& value, const std::string& help) {
  const auto read = [&value](const std::string& text) {
    if (!parse_number(text, value)) {
      throw CLI::ValidationError("\"" + text + "\" is not a number");
    }
  };
  body_->app->add_option_function<std::string>(names, read, help)->type_name("NUMBER");
  return *this;
}

Parser& Parser::operand(const std::string& name, std::string& value, const std::string& help,
                        bool required) {
  body_->app->add_option(name, value, help)->required(required);
  return *this;
}

Parser& Parser::operands(const std::string& name, std::vector<std::string>& values,
                         const std::string& help, bool required) {
  body_->app->add_option(name, values, help)->required(required);
  return *this;
}

Parser& Parser::footer(const std::string& text) {
  body_->app->footer(text);
  return *this;
}

Parser& Parser::command(const std::string& name, const std::string& help,
                        std::function<void()> chosen) {
  body_->app->require_subcommand(1);
  auto body = std::make_unique<Body>();
  body->app = body_->app->add_subcommand(name, help);
  body->app->final_callback(std::move(chosen));
  body_->commands.push_back(std::unique_ptr<Parser>(new Parser(std::move(body))));
  return *body_->commands.back();
}

Parser::Outcome Parser::parse(int argc, char** argv) {
  CLI::App& app = *body_->app;
  try {
    app.parse(argc, argv);
    return {};
  } catch (const CLI::CallForHelp&) {
    const CLI::App* asked = innermost(&app);
    write_to(STDOUT_FILENO, asked->help(asked == &app ? "" : app.get_name()));
    return {.done = true, .code = 0};
  } catch (const CLI::Error& error) {
    write_to(STDERR_FILENO, app.get_name() + ": " + one_line(error.what()) + "\n");
    return {.done = true, .code = 100};
  }
}

}  // namespace porpoise::cli
