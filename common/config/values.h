#ifndef WAYBILL_COMMON_CONFIG_VALUES_H_
#define WAYBILL_COMMON_CONFIG_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

/// What settings are written as. All return INVALID_ARGUMENT with a text that says what is
/// expected.

namespace waybill::config {

/// A decimal integer.
absl::StatusOr<std::int64_t> ParseInteger(absl::string_view text);

/// Bytes: a whole number and a unit, "64MiB", "10GB", "512B". Units: B, kB MB GB TB (powers of
/// 1000), KiB MiB GiB TiB (powers of 1024). The unit is needed and its case counts, since 10g and
/// 10G mean different things to different people.
absl::StatusOr<std::int64_t> ParseBytes(absl::string_view text);

/// The largest unit that says it exactly; ParseBytes is the inverse.
std::string FormatBytes(std::int64_t bytes);

/// "250ms", "60s", "1h30m". Never infinite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

/// "host:port", port 0 to 65535, IPv6 hosts in brackets. Returned as it was; nothing is resolved.
absl::StatusOr<std::string> ParseAddress(absl::string_view text);

}  // namespace waybill::config

#endif  // WAYBILL_COMMON_CONFIG_VALUES_H_
