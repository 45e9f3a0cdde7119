#include "services/pcm/offer_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "common/model/definition_file.h"
#include "services/pcm/history.h"
#include "services/pcm/offer_rules.h"

namespace waybill::pcm {
namespace {

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

// Keeps UTF-8, which names may be in.
std::string Shown(absl::string_view text) {
  return absl::Utf8SafeCHexEscape(text);
}

std::string FormatTime(std::optional<absl::Time> time, absl::TimeZone zone) {
  return time.has_value() ? absl::FormatTime("%Y-%m-%d %H:%M", *time, zone) : "never";
}

std::string FormatSize(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat(unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
}

Row ToRow(const model::Offer& offer, absl::Time now, absl::TimeZone zone) {
  return {offer.job_id,
          Shown(offer.package_name),
          Shown(offer.command_name),
          IsMandatory(offer, now) ? "now" : FormatTime(offer.mandatory_after, zone),
          FormatTime(offer.expires_after, zone),
          FormatSize(offer.plain_bytes)};
}

std::string Outcome(const RunRecord& record) {
  if (record.step == RunStep::kDropped) {
    return absl::StrCat("not run: ", record.detail);
  }
  switch (record.outcome) {
    case RunOutcome::kExited:
      return absl::StrCat("exit code ", record.exit_code);
    case RunOutcome::kTimedOut:
      return "ended by its time limit";
    case RunOutcome::kNotStarted:
      return absl::StrCat("not started: ", record.detail);
    case RunOutcome::kInterrupted:
      return absl::StrCat("interrupted: ", record.detail);
    case RunOutcome::kKilled:
      return record.detail;
  }
  return "";
}

}  // namespace

std::string FormatOffers(const std::vector<model::Offer>& offers, absl::Time now,
                         absl::TimeZone zone) {
  if (offers.empty()) return "No offers.\n";
  std::vector<Row> rows = {{"JOB", "PACKAGE", "COMMAND", "MANDATORY", "EXPIRES", "SIZE"}};
  for (const model::Offer& offer : offers) {
    rows.push_back(ToRow(offer, now, zone));
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
      absl::StrAppendFormat(&line, "%-*s  ", static_cast<int>(widths[i]), row[i]);
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

std::string FormatEnded(const model::Offer& offer, const RunRecord& record) {
  std::string text =
      absl::StrCat(offer.job_id, " ", Shown(offer.command_name), ": ", Shown(Outcome(record)));
  if (record.step != RunStep::kDropped && record.outcome != RunOutcome::kNotStarted) {
    absl::StrAppend(&text, " after ",
                    absl::FormatDuration(absl::Trunc(record.run_duration, absl::Milliseconds(1))));
  }
  absl::StrAppend(&text, "\n");
  const absl::string_view output = absl::StripTrailingAsciiWhitespace(record.output);
  if (output.empty()) return text;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    absl::StrAppend(&text, "    ", Shown(line), "\n");
  }
  return text;
}

}  // namespace waybill::pcm
