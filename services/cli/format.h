#ifndef WAYBILL_SERVICES_CLI_FORMAT_H_
#define WAYBILL_SERVICES_CLI_FORMAT_H_

#include <cstdint>
#include <string>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

/// How values read on a terminal. Pure.
namespace waybill::cli {

/// "0 B", "999 B", "1.0 KB", "12.3 MB": powers of 1,000, three digits.
std::string Bytes(std::int64_t bytes);

/// "1.2 MB of 80.0 MB (1 %)"; only the first part when the total is not known (0).
std::string BytesOf(std::int64_t done, std::int64_t total);

/// "0.4 s", "59 s", "3 min 20 s", "2 h 5 min".
std::string Length(absl::Duration duration);

/// "25.0 MB/s, 3 s left" after `elapsed`; empty before there is anything to say.
std::string RateAndTimeLeft(std::int64_t done, std::int64_t total, absl::Duration elapsed);

/// "2026-11-24 08:00:05" in the local time zone; "-" if absent.
std::string When(bool present, const google::protobuf::Timestamp& time);

/// The first 16 digits of a version; "-" for none.
std::string ShortVersion(absl::string_view version);

/// `text` on one line: control characters escaped, so that nothing from the wire moves the cursor.
std::string OneLine(absl::string_view text);

/// "2026-11-24T08:00:00Z" (RFC 3339), or "+90m" from `now`. INVALID_ARGUMENT naming the flag.
absl::StatusOr<google::protobuf::Timestamp> ParseWhen(absl::string_view flag,
                                                      absl::string_view text, absl::Time now);

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_FORMAT_H_
