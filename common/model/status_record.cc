#include "common/model/status_record.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/model/ids.h"
#include "common/status/check.h"
#include "common/status/status_macros.h"

namespace waybill::model {
namespace {

using status::v1::StatusRecord;

// The site that a record is about; empty if it has no kind.
std::string SiteOf(const StatusRecord& record) {
  switch (record.kind_case()) {
    case StatusRecord::kSite:
      return record.site().site_code();
    case StatusRecord::kDistributionServer:
      return record.distribution_server().site_code();
    case StatusRecord::kWorkstation:
      return record.workstation().site_code();
    case StatusRecord::kSend:
      return record.send().site_code();
    case StatusRecord::kServer:
      return record.server().site_code();
    case StatusRecord::kTarget:
      return record.target().target().site_code();
    case StatusRecord::kLocation:
      return record.location().site_code();
    case StatusRecord::kHolding:
      return record.holding().site_code();
    case StatusRecord::KIND_NOT_SET:
      break;
  }
  return "";
}

}  // namespace

absl::StatusOr<std::vector<StatusRecord>> NewRecords(std::int64_t applied,
                                                     const std::vector<StatusRecord>& records) {
  std::vector<StatusRecord> fresh;
  for (const StatusRecord& record : records) {
    if (record.sequence() <= applied) {
      continue;
    }
    const std::int64_t expected = applied + static_cast<std::int64_t>(fresh.size()) + 1;
    if (record.sequence() != expected) {
      return absl::FailedPreconditionError(
          absl::StrCat("a gap in the status records: expected sequence ", expected, ", got ",
                       record.sequence()));
    }
    fresh.push_back(record);
  }
  return fresh;
}

absl::Status CheckScope(const std::vector<StatusRecord>& records, std::set<std::string> subtree,
                        const std::set<std::string>& line) {
  for (const StatusRecord& record : records) {
    if (record.kind_case() == StatusRecord::KIND_NOT_SET) {
      continue;
    }
    const std::string site_code = SiteOf(record);
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", site_code));
    if (line.contains(site_code)) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", site_code,
                       " is above the site that reports about it: the sites would form a circle"));
    }
    if (record.has_site() && subtree.contains(record.site().parent_site_code())) {
      subtree.insert(site_code);
    }
    if (!subtree.contains(site_code)) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", site_code, " is not below the site that reports about it"));
    }
  }
  return absl::OkStatus();
}

std::string RecordsAsJson(const std::vector<StatusRecord>& records, StatusRecord::KindCase kind) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_enums_as_ints = true;
  std::string json;
  for (const StatusRecord& record : records) {
    if (record.kind_case() == kind) {
      absl::StrAppend(&json, json.empty() ? "[" : ",");
      // Fails only for a timestamp out of range, which FromJson and the service have refused.
      WAYBILL_CHECK(google::protobuf::util::MessageToJsonString(record, &json, options).ok());
    }
  }
  return json.empty() ? json : json + "]";
}

absl::StatusOr<StatusRecord> RecordFromJson(std::int64_t sequence, const std::string& json) {
  StatusRecord record;
  if (!json.empty()) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(json, &record);
    if (!parsed.ok()) {
      return absl::InternalError(
          absl::StrCat("status record ", sequence, ": ", std::string(parsed.message())));
    }
  }
  record.set_sequence(sequence);
  return record;
}

}  // namespace waybill::model
