#ifndef WAYBILL_COMMON_LOGGING_LOG_H_
#define WAYBILL_COMMON_LOGGING_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// One key with its value. Keys are the words of the tables and messages (`job_id`, `site_code`,
/// `send_request_id`, `trace_id`, `error`). Borrows: use it in the call only.
class Field {
 public:
  using Value =
      std::variant<absl::string_view, std::int64_t, std::uint64_t, double, bool, std::string>;

  Field(absl::string_view key, absl::string_view value) : key_(key), value_(value) {}
  Field(absl::string_view key, const std::string& value)
      : key_(key), value_(absl::string_view(value)) {}
  Field(absl::string_view key, const char* value) : key_(key), value_(absl::string_view(value)) {}
  Field(absl::string_view key, double value) : key_(key), value_(value) {}
  Field(absl::string_view key, bool value) : key_(key), value_(value) {}
  /// A status as "CODE: text".
  Field(absl::string_view key, const absl::Status& value) : key_(key), value_(value.ToString()) {}
  /// RFC 3339 in UTC.
  Field(absl::string_view key, absl::Time value);
  /// As absl::FormatDuration writes it: "1.5s".
  Field(absl::string_view key, absl::Duration value);
  template <std::integral T>
  Field(absl::string_view key, T value) : key_(key), value_(Widen(value)) {}

  absl::string_view key() const { return key_; }
  const Value& value() const { return value_; }

 private:
  template <typename T>
  static Value Widen(T value) {
    if constexpr (std::is_signed_v<T>) {
      return static_cast<std::int64_t>(value);
    } else {
      return static_cast<std::uint64_t>(value);
    }
  }

  absl::string_view key_;
  Value value_;
};

using Fields = std::initializer_list<Field>;

/// Names the process in every line and drops lines below `level`. Call once, before threads start;
/// until then lines have an empty service and site, and kInfo is the level.
void Init(absl::string_view service, absl::string_view site_code, Level level);

/// "debug", "info", "warning", "error"; INVALID_ARGUMENT otherwise is the caller's to say.
bool ParseLevel(absl::string_view name, Level* level);

/// Each writes one line, a JSON object, to standard error:
///
///   {"time":"2024-05-01T10:00:00.123Z","level":"info","service":"scheduler","site_code":"CEN",
///    "msg":"job activated","job_id":17}
///
/// Everything outside printable ASCII is escaped and invalid UTF-8 replaced, so that no value
/// forges a line or commands a terminal. A text longer than kTextBytesMax is cut and ends in "...".
/// A field named `site_code` replaces the process's; other names of the fixed part get a "_" in
/// front. Thread-safe; never fails.
void Debug(absl::string_view message, Fields fields = {});
void Info(absl::string_view message, Fields fields = {});
void Warning(absl::string_view message, Fields fields = {});
void Error(absl::string_view message, Fields fields = {});

constexpr int kTextBytesMax = 4096;

/// What the lines above consist of; for tests.
struct Origin {
  std::string service;
  std::string site_code;
};
std::string FormatLine(absl::Time time, Level level, const Origin& origin,
                       absl::string_view message, Fields fields);

}  // namespace waybill::log

#endif  // WAYBILL_COMMON_LOGGING_LOG_H_
