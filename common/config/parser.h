#ifndef WAYBILL_COMMON_CONFIG_PARSER_H_
#define WAYBILL_COMMON_CONFIG_PARSER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::config {

/// What a number may be, both ends included. There is no "unlimited": a limit has a number.
template <typename T>
struct Range {
  T min;
  T max;
};

/// Fills one struct of settings from, in this order of precedence, command-line flags
/// (`--poll-interval 5s`), the environment (`WAYBILL_POLL_INTERVAL=5s`) and one file of TOML keys
/// (`--config FILE` or WAYBILL_CONFIG; `poll-interval = "5s"`). Declare every setting, then parse
/// once:
///
///   Settings settings;                                  // Defaults are in the struct.
///   config::Parser parser("waybill-sender", "Sends packages to other sites.");
///   parser.Duration("poll-interval", settings.poll_interval, {absl::Milliseconds(10),
///   absl::Hours(1)},
///                   "how often the queue is looked at");
///   if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) return *code;
///
/// Unknown flags and unknown or repeated keys of the file are errors, and so is any value that does
/// not parse or is out of range; each names the setting, where it came from and what is expected.
/// Targets are borrowed until parsing is over. Names are kebab-case. Not thread-safe.
class Parser {
 public:
  Parser(std::string program, std::string description);

  void Text(const std::string& name, std::string& target, const std::string& help);
  void Path(const std::string& name, std::string& target, const std::string& help);
  void Address(const std::string& name, std::string& target, const std::string& help);
  void Choice(const std::string& name, std::string& target, std::vector<std::string> allowed,
              const std::string& help);
  void Switch(const std::string& name, bool& target, const std::string& help);
  void Integer(const std::string& name, int& target, Range<int> range, const std::string& help);
  void Integer(const std::string& name, std::int64_t& target, Range<std::int64_t> range,
               const std::string& help);
  void Bytes(const std::string& name, std::int64_t& target, Range<std::int64_t> range,
             const std::string& help);
  void Duration(const std::string& name, absl::Duration& target, Range<absl::Duration> range,
                const std::string& help);
  /// May be repeated on the command line; an array in the file; comma-separated in the environment.
  void TextList(const std::string& name, std::vector<std::string>& target, const std::string& help);

  /// A setting with a form of its own. `kind` is what --help shows; `set` returns what is expected.
  void Custom(const std::string& name, const std::string& kind, const std::string& default_text,
              std::function<absl::Status(const std::string&)> set, const std::string& help);

  /// The setting must be given somewhere.
  void Require(const std::string& name);

  /// A word that may stand on the command line, for instance "migrate"; at most one does.
  void Subcommand(const std::string& name, const std::string& help);
  const std::string& subcommand() const { return subcommand_; }  ///< Empty: none was given.

  /// Looks at several settings together, after all are set.
  void Check(std::function<absl::Status()> check);

  /// Parses for main(): returns the exit code if the process is to end now: 0 after --help and
  /// --version, which print to standard output; 2 after an error, which goes to standard error.
  std::optional<int> ParseCommandLine(int argc, const char* const* argv);

  /// The same without the process: `environment` is an array of "NAME=value" that ends with null.
  /// Returns the text to print for --help and --version, else an empty one.
  absl::StatusOr<std::string> Parse(const std::vector<std::string>& arguments,
                                    const char* const* environment);

 private:
  struct Option {
    std::string name;
    std::string kind;
    std::string default_text;
    std::string help;
    std::function<absl::Status(const std::vector<std::string>&)> set;
    bool is_switch = false;
    bool is_list = false;
    bool is_required = false;
    std::vector<std::string> values = {};  // As given by the source that won.
    std::string origin = {};               // "flag --x"; empty: not given.
  };

  Option& AddOption(Option option);
  void AddSingle(const std::string& name, const std::string& kind, const std::string& default_text,
                 std::function<absl::Status(const std::string&)> set, const std::string& help);
  Option* Find(absl::string_view name);
  absl::StatusOr<std::string> ReadArguments(const std::vector<std::string>& arguments);
  void ReadEnvironment(const char* const* environment);
  absl::Status ReadFile(const std::string& path);
  absl::Status SetFromFile(const std::string& path, const std::string& key,
                           std::vector<std::string> values, std::vector<std::string>& seen);
  absl::Status Apply() const;

  const std::string program_;
  const std::string description_;
  std::deque<Option> options_;
  std::vector<std::pair<std::string, std::string>> subcommands_;
  std::vector<std::function<absl::Status()>> checks_;
  std::string subcommand_;
  std::string config_file_;
};

}  // namespace waybill::config

#endif  // WAYBILL_COMMON_CONFIG_PARSER_H_
