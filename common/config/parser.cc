#include "common/config/parser.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/config/values.h"
#include "common/status/check.h"
#include "common/status/status_macros.h"

namespace waybill::config {
namespace {

constexpr int kExitUsage = 2;
constexpr absl::string_view kVersion = WAYBILL_VERSION;

std::string ToText(std::int64_t value) {
  return absl::StrCat(value);
}
std::string ToText(absl::Duration value) {
  return absl::FormatDuration(value);
}

template <typename T, typename Format>
absl::Status CheckRange(T value, const Range<T>& range, Format format) {
  if (value >= range.min && value <= range.max) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", format(range.min), " to ", format(range.max),
                   value == T() ? " (0 does not mean unlimited)" : ""));
}

std::string EnvironmentName(absl::string_view name) {
  return absl::StrCat("WAYBILL_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
}

absl::Status NotEmpty(const std::string& value) {
  return value.empty() ? absl::InvalidArgumentError("expected a value that is not empty")
                       : absl::OkStatus();
}

}  // namespace

Parser::Parser(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {
  const auto set = [this](const std::string& value) {
    config_file_ = value;
    return NotEmpty(value);
  };
  AddSingle("config", "FILE", "", set, "a file of settings; flags and the environment go first");
}

Parser::Option& Parser::AddOption(Option option) {
  WAYBILL_CHECK(Find(option.name) == nullptr);
  return options_.emplace_back(std::move(option));
}

void Parser::AddSingle(const std::string& name, const std::string& kind,
                       const std::string& default_text,
                       std::function<absl::Status(const std::string&)> set,
                       const std::string& help) {
  const auto set_one = [set = std::move(set)](const std::vector<std::string>& values) {
    return values.size() == 1 ? set(values.front())
                              : absl::InvalidArgumentError("expected one value");
  };
  AddOption({name, kind, default_text, help, set_one});
}

void Parser::Custom(const std::string& name, const std::string& kind,
                    const std::string& default_text,
                    std::function<absl::Status(const std::string&)> set, const std::string& help) {
  AddSingle(name, kind, default_text, std::move(set), help);
}

void Parser::Text(const std::string& name, std::string& target, const std::string& help) {
  const auto set = [&target](const std::string& value) {
    target = value;
    return NotEmpty(value);
  };
  AddSingle(name, "TEXT", target, set, help);
}

void Parser::Path(const std::string& name, std::string& target, const std::string& help) {
  const auto set = [&target](const std::string& value) {
    target = value;
    return NotEmpty(value);
  };
  AddSingle(name, "PATH", target, set, help);
}

void Parser::Address(const std::string& name, std::string& target, const std::string& help) {
  const auto set = [&target](const std::string& value) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(target, ParseAddress(value));
    return absl::OkStatus();
  };
  AddSingle(name, "HOST:PORT", target, set, help);
}

void Parser::Choice(const std::string& name, std::string& target, std::vector<std::string> allowed,
                    const std::string& help) {
  const std::string kind = absl::StrJoin(allowed, "|");
  const auto set = [&target, kind, allowed = std::move(allowed)](const std::string& value) {
    target = value;
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end()
               ? absl::OkStatus()
               : absl::InvalidArgumentError("expected " + kind);
  };
  AddSingle(name, kind, target, set, help);
}

void Parser::Switch(const std::string& name, bool& target, const std::string& help) {
  const auto set = [&target](const std::vector<std::string>& values) {
    const std::string value = values.size() == 1 ? values.front() : "";
    target = value == "true";
    return target || value == "false" ? absl::OkStatus()
                                      : absl::InvalidArgumentError("expected true or false");
  };
  AddOption({.name = name,
             .kind = "",
             .default_text = target ? "true" : "",
             .help = help,
             .set = set,
             .is_switch = true});
}

void Parser::Integer(const std::string& name, std::int64_t& target, Range<std::int64_t> range,
                     const std::string& help) {
  const auto set = [&target, range](const std::string& value) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(target, ParseInteger(value));
    return CheckRange(target, range, [](std::int64_t end) { return ToText(end); });
  };
  AddSingle(name, "NUMBER", ToText(target), set, help);
}

void Parser::Integer(const std::string& name, int& target, Range<int> range,
                     const std::string& help) {
  const auto set = [&target, range](const std::string& value) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(const std::int64_t wide, ParseInteger(value));
    WAYBILL_RETURN_IF_ERROR(CheckRange<std::int64_t>(wide, {range.min, range.max},
                                                     [](std::int64_t end) { return ToText(end); }));
    target = static_cast<int>(wide);
    return absl::OkStatus();
  };
  AddSingle(name, "NUMBER", ToText(std::int64_t{target}), set, help);
}

void Parser::Bytes(const std::string& name, std::int64_t& target, Range<std::int64_t> range,
                   const std::string& help) {
  const auto set = [&target, range](const std::string& value) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(target, ParseBytes(value));
    return CheckRange(target, range, FormatBytes);
  };
  AddSingle(name, "SIZE", FormatBytes(target), set, help);
}

void Parser::Duration(const std::string& name, absl::Duration& target, Range<absl::Duration> range,
                      const std::string& help) {
  const auto set = [&target, range](const std::string& value) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(target, ParseDuration(value));
    return CheckRange(target, range, [](absl::Duration end) { return ToText(end); });
  };
  AddSingle(name, "DURATION", ToText(target), set, help);
}

void Parser::TextList(const std::string& name, std::vector<std::string>& target,
                      const std::string& help) {
  const auto set = [&target](const std::vector<std::string>& values) {
    target = values;
    const bool complete = std::none_of(values.begin(), values.end(),
                                       [](const std::string& value) { return value.empty(); });
    return complete ? absl::OkStatus()
                    : absl::InvalidArgumentError("expected values that are not empty");
  };
  AddOption({.name = name,
             .kind = "TEXT",
             .default_text = absl::StrJoin(target, ","),
             .help = help,
             .set = set,
             .is_list = true});
}

void Parser::Require(const std::string& name) {
  Option* option = Find(name);
  WAYBILL_CHECK(option != nullptr);
  option->is_required = true;
}

void Parser::Subcommand(const std::string& name, const std::string& help) {
  subcommands_.emplace_back(name, help);
}

void Parser::Check(std::function<absl::Status()> check) {
  checks_.push_back(std::move(check));
}

Parser::Option* Parser::Find(absl::string_view name) {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

std::optional<int> Parser::ParseCommandLine(int argc, const char* const* argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const absl::StatusOr<std::string> text = Parse(arguments, environ);
  if (!text.ok()) {
    std::cerr << program_ << ": " << text.status().message() << "\n"
              << "Try '" << program_ << " --help'.\n";
    return kExitUsage;
  }
  if (text->empty()) {
    return std::nullopt;
  }
  std::cout << *text << std::flush;
  return 0;
}

absl::StatusOr<std::string> Parser::Parse(const std::vector<std::string>& arguments,
                                          const char* const* environment) {
  for (Option& option : options_) {  // A second parse starts afresh.
    option.values.clear();
    option.origin.clear();
  }
  WAYBILL_ASSIGN_OR_RETURN(std::string text, ReadArguments(arguments));
  if (!text.empty()) {
    return text;
  }
  ReadEnvironment(environment);
  const Option& config = *Find("config");
  if (!config.origin.empty()) {
    WAYBILL_RETURN_IF_ERROR(ReadFile(config.values.front()));
  }
  WAYBILL_RETURN_IF_ERROR(Apply());
  for (const std::function<absl::Status()>& check : checks_) {
    WAYBILL_RETURN_IF_ERROR(check());
  }
  return std::string();
}

// Here and in ReadFile CLI11 throws; nothing gets out.
absl::StatusOr<std::string> Parser::ReadArguments(const std::vector<std::string>& arguments) {
  CLI::App app(description_, program_);
  app.set_version_flag("--version", program_ + " " + std::string(kVersion));
  app.set_help_flag("--help", "print this and exit");
  app.require_subcommand(0, 1);
  for (const auto& [name, help] : subcommands_) {
    app.add_subcommand(name, help)->fallthrough();
  }
  std::vector<CLI::Option*> given;
  for (Option& option : options_) {
    const std::string help = absl::StrCat(option.help, option.is_required ? " (required)" : "");
    const std::string flag = "--" + option.name;
    CLI::Option* added =
        option.is_switch ? app.add_flag(flag, help) : app.add_option(flag, option.values, help);
    if (!option.is_switch) {
      added->expected(1)->type_name(option.kind)->default_str(option.default_text);
    }
    if (option.is_list) {
      added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
    given.push_back(added);
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 pops.
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::CallForVersion&) {
    return app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i]->count() > 0) {
      options_[i].values = given[i]->results();
      options_[i].origin = "flag";
    }
  }
  for (const CLI::App* chosen : app.get_subcommands()) {
    subcommand_ = chosen->get_name();
  }
  return std::string();
}

void Parser::ReadEnvironment(const char* const* environment) {
  for (Option& option : options_) {
    const std::string prefix = EnvironmentName(option.name) + "=";
    for (const char* const* entry = environment; option.origin.empty() && *entry != nullptr;
         ++entry) {
      if (absl::StartsWith(*entry, prefix)) {
        const std::string value = std::string(*entry).substr(prefix.size());
        option.values = option.is_list ? std::vector<std::string>(absl::StrSplit(value, ','))
                                       : std::vector<std::string>{value};
        option.origin = EnvironmentName(option.name);
      }
    }
  }
}

absl::Status Parser::ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::InvalidArgumentError(absl::StrCat("config: cannot read ", path));
  }
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(file);
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  std::vector<std::string> seen;
  for (const CLI::ConfigItem& item : items) {
    WAYBILL_RETURN_IF_ERROR(SetFromFile(path, item.fullname(), item.inputs, seen));
  }
  return absl::OkStatus();
}

absl::Status Parser::SetFromFile(const std::string& path, const std::string& key,
                                 std::vector<std::string> values, std::vector<std::string>& seen) {
  Option* option = key == "config" ? nullptr : Find(key);
  if (option == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": unknown key '", key, "'"));
  }
  if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": key '", key, "' stands there twice"));
  }
  seen.push_back(key);
  if (option->origin.empty()) {
    option->values = std::move(values);
    option->origin = path;
  }
  return absl::OkStatus();
}

absl::Status Parser::Apply() const {
  for (const Option& option : options_) {
    if (option.origin.empty()) {
      if (option.is_required) {
        return absl::InvalidArgumentError(
            absl::StrCat(option.name, ": must be given, as --", option.name, " or ",
                         EnvironmentName(option.name), " or in the config file"));
      }
      continue;
    }
    const absl::Status status = option.set(option.values);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(option.name, " (", option.origin,
                                                     "): ", status.message(), ", not '",
                                                     absl::StrJoin(option.values, " "), "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace waybill::config
