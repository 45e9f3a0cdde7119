#include "common/config/values.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::config {
namespace {

struct Unit {
  absl::string_view name;
  std::int64_t bytes;
};

constexpr Unit kUnits[] = {{"TiB", std::int64_t{1} << 40},
                           {"TB", 1'000'000'000'000},
                           {"GiB", 1 << 30},
                           {"GB", 1'000'000'000},
                           {"MiB", 1 << 20},
                           {"MB", 1'000'000},
                           {"KiB", 1 << 10},
                           {"kB", 1'000},
                           {"B", 1}};

constexpr int kPortMax = 65'535;
constexpr int kPortDigitsMax = 5;

std::size_t CountDigits(absl::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[count]))) {
    ++count;
  }
  return count;
}

bool IsPort(absl::string_view text) {
  int port = 0;
  return !text.empty() && text.size() <= kPortDigitsMax && CountDigits(text) == text.size() &&
         absl::SimpleAtoi(text, &port) && port <= kPortMax;
}

bool IsHost(absl::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return bracketed || (!text.empty() && text.find_first_of(":[]/ ") == absl::string_view::npos);
}

}  // namespace

absl::StatusOr<std::int64_t> ParseInteger(absl::string_view text) {
  std::int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError("expected a whole number");
  }
  return value;
}

absl::StatusOr<std::int64_t> ParseBytes(absl::string_view text) {
  const std::size_t digits = CountDigits(text);
  std::int64_t count = 0;
  if (digits > 0 && absl::SimpleAtoi(text.substr(0, digits), &count)) {
    for (const Unit& unit : kUnits) {
      if (text.substr(digits) == unit.name &&
          count <= std::numeric_limits<std::int64_t>::max() / unit.bytes) {
        return count * unit.bytes;
      }
    }
  }
  return absl::InvalidArgumentError(
      "expected a size such as 64MiB or 10GB (units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)");
}

std::string FormatBytes(std::int64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return absl::StrCat(bytes / unit.bytes, unit.name);
    }
  }
  return absl::StrCat(bytes, "B");
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration value;
  if (!absl::ParseDuration(text, &value) || value == absl::InfiniteDuration() ||
      value == -absl::InfiniteDuration()) {
    return absl::InvalidArgumentError("expected a duration such as 250ms, 60s or 1h30m");
  }
  return value;
}

absl::StatusOr<std::string> ParseAddress(absl::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || !IsHost(text.substr(0, colon)) ||
      !IsPort(text.substr(colon + 1))) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected host:port with a port of 0 to ", kPortMax));
  }
  return std::string(text);
}

}  // namespace waybill::config
