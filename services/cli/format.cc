#include "services/cli/format.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/text/utf8.h"

namespace waybill::cli {

std::string Bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string BytesOf(std::int64_t done, std::int64_t total) {
  if (total <= 0) {
    return Bytes(done);
  }
  return absl::StrFormat("%s of %s (%d %%)", Bytes(done), Bytes(total), done * 100 / total);
}

std::string Length(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 9.95) {
    return absl::StrFormat("%.1f s", seconds);
  }
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) {
    return absl::StrCat(whole, " s");
  }
  if (whole < 3600) {
    return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  }
  return absl::StrCat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

std::string RateAndTimeLeft(std::int64_t done, std::int64_t total, absl::Duration elapsed) {
  if (done <= 0 || elapsed < absl::Milliseconds(200)) {
    return "";
  }
  const double rate = static_cast<double>(done) / absl::ToDoubleSeconds(elapsed);
  const std::string speed = absl::StrCat(Bytes(static_cast<std::int64_t>(rate)), "/s");
  if (done >= total) {
    return speed;
  }
  return absl::StrCat(speed, ", ", Length(absl::Seconds(static_cast<double>(total - done) / rate)),
                      " left");
}

std::string When(bool present, const google::protobuf::Timestamp& time) {
  const absl::StatusOr<absl::Time> value = model::FromProto("time", time);
  if (!present || !value.ok()) {
    return "-";
  }
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", *value, absl::LocalTimeZone());
}

std::string ShortVersion(absl::string_view version) {
  return version.empty() ? "-" : std::string(version.substr(0, 16));
}

std::string OneLine(absl::string_view text) {
  if (!text::IsUtf8(text)) {
    return absl::CHexEscape(text);
  }
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&line, "\\x%02x", byte);
    } else {
      line += c;
    }
  }
  return line;
}

absl::StatusOr<google::protobuf::Timestamp> ParseWhen(absl::string_view flag,
                                                      absl::string_view text, absl::Time now) {
  absl::Duration after;
  if (!text.empty() && text.front() == '+' && absl::ParseDuration(text.substr(1), &after) &&
      after >= absl::ZeroDuration() && after <= absl::Hours(24 * 366 * 100)) {
    return model::ToProto(now + after);
  }
  absl::Time time;
  std::string why;
  if (absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &why) &&
      time > absl::FromUnixSeconds(0) && time < absl::FromUnixSeconds(253402300799)) {
    return model::ToProto(time);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " '", OneLine(text),
                   "': expected a time such as 2026-11-24T08:00:00Z, or +90m from now"));
}

}  // namespace waybill::cli
