#include "common/model/status_record.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "common/model/ids.h"
#include "common/model/proto_time.h"
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

// Empty if it is in scope.
std::string WhyOutOfScope(const StatusRecord& record, const std::string& site_code,
                          const Scope& scope) {
  if (scope.line.contains(site_code)) {
    return "it is above the site that reports about it: the sites would form a circle";
  }
  const std::string& parent = record.site().parent_site_code();
  if (const auto known = scope.parents.find(site_code);
      record.has_site() && known != scope.parents.end() && known->second != parent) {
    return absl::StrCat("it is a child of ", known->second, " here, and reported as one of ",
                        parent.empty() ? "no site" : parent);
  }
  const bool is_new = record.has_site() && scope.subtree.contains(parent);
  return is_new || scope.subtree.contains(site_code)
             ? ""
             : "it is not below the site that reports about it";
}

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status CheckString(const std::string& field, const std::string& value) {
  return value.find('\0') == std::string::npos
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat(field, ": a text must not hold NUL"));
}

absl::Status CheckState(const std::string& field, const FieldDescriptor& descriptor, int number) {
  const bool is_known = number != 0 && descriptor.enum_type()->FindValueByNumber(number) != nullptr;
  return is_known ? absl::OkStatus()
                  : absl::InvalidArgumentError(
                        absl::StrCat(field, ": ", number, " is not one of its values"));
}

absl::Status CheckValues(const std::string& path, const Message& message);

// A message that is a field: a time, or one with fields of its own.
absl::Status CheckPart(const std::string& field, const Message& part) {
  if (part.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    return FromProto(field, static_cast<const google::protobuf::Timestamp&>(part)).status();
  }
  if (part.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    return FromProto(field, static_cast<const google::protobuf::Duration&>(part)).status();
  }
  return CheckValues(field + ".", part);
}

absl::Status CheckRepeated(const std::string& field, const Message& message,
                           const FieldDescriptor& descriptor) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &descriptor);
  for (int i = 0; i < size; ++i) {
    if (descriptor.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      WAYBILL_RETURN_IF_ERROR(
          CheckPart(field, reflection.GetRepeatedMessage(message, &descriptor, i)));
    } else if (descriptor.type() == FieldDescriptor::TYPE_STRING) {
      WAYBILL_RETURN_IF_ERROR(
          CheckString(field, reflection.GetRepeatedString(message, &descriptor, i)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckValue(const std::string& field, const Message& message,
                        const FieldDescriptor& descriptor) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (descriptor.is_repeated()) {
    return CheckRepeated(field, message, descriptor);
  }
  switch (descriptor.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return descriptor.type() == FieldDescriptor::TYPE_BYTES
                 ? absl::OkStatus()
                 : CheckString(field, reflection.GetString(message, &descriptor));
    case FieldDescriptor::CPPTYPE_ENUM:
      return CheckState(field, descriptor, reflection.GetEnumValue(message, &descriptor));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return reflection.HasField(message, &descriptor)
                 ? CheckPart(field, reflection.GetMessage(message, &descriptor))
                 : absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

// By reflection, so that no field that is added later is forgotten.
absl::Status CheckValues(const std::string& path, const Message& message) {
  const Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    WAYBILL_RETURN_IF_ERROR(CheckValue(path + field.name(), message, field));
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(const std::string& field, const std::string& version) {
  constexpr std::size_t kDigestBytes = 32;
  return version.size() == kDigestBytes
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat(field, ": expected 32 bytes"));
}

absl::Status CheckPresent(const std::string& field, bool is_present) {
  return is_present ? absl::OkStatus()
                    : absl::InvalidArgumentError(absl::StrCat(field, ": is missing"));
}

absl::Status CheckSite(const std::string& path, const site::v1::Site& site) {
  return site.parent_site_code() == site.site_code()
             ? absl::InvalidArgumentError(path + "parent_site_code: a site is not its own parent")
             : absl::OkStatus();
}

absl::Status CheckServer(const std::string& path, const site::v1::DistributionServer& server) {
  WAYBILL_RETURN_IF_ERROR(CheckHostName(path + "server_name", server.server_name()));
  for (const site::v1::Share& share : server.shares()) {
    if (share.drive().size() != 1 || !absl::ascii_islower(share.drive()[0])) {
      return absl::InvalidArgumentError(path + "shares.drive: expected one letter of a-z");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWorkstation(const std::string& path, const site::v1::Workstation& workstation) {
  WAYBILL_RETURN_IF_ERROR(CheckSmsId(path + "sms_id", workstation.sms_id()));
  WAYBILL_RETURN_IF_ERROR(CheckHostName(path + "host_name", workstation.host_name()));
  WAYBILL_RETURN_IF_ERROR(CheckHostName(path + "domain", workstation.domain()));
  return CheckPresent(path + "register_time", workstation.has_register_time());
}

absl::Status CheckTarget(const std::string& path, const status::v1::TargetFact& fact) {
  WAYBILL_RETURN_IF_ERROR(CheckJobId(path + "job_id", fact.job_id()));
  WAYBILL_RETURN_IF_ERROR(CheckSmsId(path + "target.sms_id", fact.target().sms_id()));
  return CheckPresent(path + "target.change_time", fact.target().has_change_time());
}

absl::Status CheckLocation(const std::string& path, const status::v1::LocationFact& location) {
  WAYBILL_RETURN_IF_ERROR(CheckHostName(path + "server_name", location.server_name()));
  WAYBILL_RETURN_IF_ERROR(CheckPackageId(path + "package_id", location.package_id()));
  WAYBILL_RETURN_IF_ERROR(CheckVersion(path + "version", location.version()));
  return CheckPresent(path + "observe_time", !location.present() || location.has_observe_time());
}

absl::Status CheckHolding(const std::string& path, const status::v1::HoldingFact& holding) {
  WAYBILL_RETURN_IF_ERROR(CheckPackageId(path + "package_id", holding.package_id()));
  WAYBILL_RETURN_IF_ERROR(CheckVersion(path + "version", holding.version()));
  return CheckPresent(path + "since_time", !holding.held() || holding.has_since_time());
}

// What the columns of the row's key take, and that those without a default have a value. The site
// codes are TakeInScope's.
absl::Status CheckKeys(const std::string& path, const StatusRecord& record) {
  switch (record.kind_case()) {
    case StatusRecord::kSite:
      return CheckSite(path + "site.", record.site());
    case StatusRecord::kDistributionServer:
      return CheckServer(path + "distribution_server.", record.distribution_server());
    case StatusRecord::kWorkstation:
      return CheckWorkstation(path + "workstation.", record.workstation());
    case StatusRecord::kSend:
      return CheckJobId(path + "send.job_id", record.send().job_id());
    case StatusRecord::kServer:
      WAYBILL_RETURN_IF_ERROR(CheckJobId(path + "server.job_id", record.server().job_id()));
      return CheckHostName(path + "server.server_name", record.server().server_name());
    case StatusRecord::kTarget:
      return CheckTarget(path + "target.", record.target());
    case StatusRecord::kLocation:
      return CheckLocation(path + "location.", record.location());
    case StatusRecord::kHolding:
      return CheckHolding(path + "holding.", record.holding());
    case StatusRecord::KIND_NOT_SET:
      break;
  }
  return absl::OkStatus();
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

absl::StatusOr<ScopedRecords> TakeInScope(const std::vector<StatusRecord>& records, Scope scope) {
  ScopedRecords scoped;
  for (const StatusRecord& record : records) {
    if (record.kind_case() == StatusRecord::KIND_NOT_SET) {
      continue;
    }
    std::string site_code = SiteOf(record);
    WAYBILL_RETURN_IF_ERROR(CheckSiteCode("site_code", site_code));
    std::string why = WhyOutOfScope(record, site_code, scope);
    if (why.empty()) {
      scope.subtree.insert(std::move(site_code));
      scoped.taken.push_back(record);
    } else {
      scoped.passed_over.push_back({std::move(site_code), std::move(why)});
    }
  }
  return scoped;
}

absl::Status CheckRecord(const StatusRecord& record) {
  const std::string path = absl::StrCat("records[sequence ", record.sequence(), "].");
  WAYBILL_RETURN_IF_ERROR(CheckValues(path, record));
  return CheckKeys(path, record);
}

absl::StatusOr<std::string> RecordsAsJson(const std::vector<StatusRecord>& records,
                                          StatusRecord::KindCase kind) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_enums_as_ints = true;
  std::string json;
  for (const StatusRecord& record : records) {
    if (record.kind_case() == kind) {
      absl::StrAppend(&json, json.empty() ? "[" : ",");
      const auto printed = google::protobuf::util::MessageToJsonString(record, &json, options);
      if (!printed.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("status record ", record.sequence(), ": ",
                                                       std::string(printed.message())));
      }
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
