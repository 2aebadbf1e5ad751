#include "posix/options.h"

#include <getopt.h>

#include "posix/file.h"

namespace porpoise::posix {
namespace {

// What getopt_long gives: an option's index from kFirst on, beyond every character ('?' is an
// error).
constexpr int kHelp = 256;
constexpr int kFirst = 257;

}  // namespace

Options& Options::flag(std::string name, bool& set) {
  known_.push_back({std::move(name), no_argument, [&set](const std::string&) {
                      set = true;
                      return Result<>();
                    }});
  return *this;
}

Options& Options::value(std::string name, std::optional<std::string>& value) {
  return this->value(std::move(name), [&value](const std::string& given) {
    value = given;
    return Result<>();
  });
}

Options& Options::value(std::string name, Take take) {
  known_.push_back({std::move(name), required_argument, std::move(take)});
  return *this;
}

Options& Options::maybe_value(std::string name, Take take) {
  known_.push_back({std::move(name), optional_argument, std::move(take)});
  return *this;
}

Options& Options::letters(std::string letters, std::function<void(char)> take) {
  letters_ = std::move(letters);
  take_letter_ = std::move(take);
  return *this;
}

Result<std::optional<std::vector<std::string>>> Options::read(int argc, char** argv) const {
  std::vector<option> list = {{"help", no_argument, nullptr, kHelp}};
  for (std::size_t i = 0; i < known_.size(); ++i) {
    list.push_back(
        {known_[i].name.c_str(), known_[i].argument, nullptr, kFirst + static_cast<int>(i)});
  }
  list.push_back({nullptr, 0, nullptr, 0});
  ::opterr = 0;
  ::optind = 0;  // from the beginning, whoever read a line before
  const std::string letters = "+" + letters_;
  for (int which;
       (which = ::getopt_long(argc, argv, letters.c_str(), list.data(), nullptr)) != -1;) {
    if (which == kHelp) {
      Result<> shown = write_all(1, usage_ + "\n", "standard output");
      if (!shown) return failed(shown);
      return std::nullopt;
    }
    if (which == '?') return wrong();
    if (Result<> done = take(which); !done) return failed(done);
  }
  return std::vector<std::string>(argv + ::optind, argv + argc);
}

Result<> Options::take(int which) const {
  if (which < kFirst) {
    take_letter_(static_cast<char>(which));
    return {};
  }
  return known_[static_cast<std::size_t>(which - kFirst)].take(::optarg != nullptr ? ::optarg : "");
}

}  // namespace porpoise::posix
