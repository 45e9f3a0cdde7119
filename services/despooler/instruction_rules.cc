#include "services/despooler/instruction_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/model/ids.h"
#include "common/model/order_rules.h"
#include "common/model/proto_time.h"
#include "common/status/status_macros.h"

#include "waybill/job/v1/job.pb.h"
#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::despooler {
namespace {

using transfer::v1::Instruction;

absl::Status AtMost(absl::string_view field, int count, int count_max) {
  if (count <= count_max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " has over ", count_max, " elements"));
}

absl::Status CheckEnums(const job::v1::JobSpec& spec) {
  if (!job::v1::JobType_IsValid(spec.type()) || spec.type() == job::v1::JOB_TYPE_UNSPECIFIED) {
    return absl::InvalidArgumentError("spec.type is none that this site knows");
  }
  if (!job::v1::Priority_IsValid(spec.priority()) ||
      spec.priority() == job::v1::PRIORITY_UNSPECIFIED) {
    return absl::InvalidArgumentError("spec.priority is none that this site knows");
  }
  if (!job::v1::SendPhase_IsValid(spec.send_phase()) ||
      spec.send_phase() == job::v1::SEND_PHASE_UNSPECIFIED) {
    return absl::InvalidArgumentError("spec.send_phase is none that this site knows");
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(const job::v1::JobSpec& spec) {
  const bool may_be_missing = spec.type() == job::v1::JOB_TYPE_REMOVE_PACKAGE;
  return may_be_missing && spec.version().empty()
             ? absl::OkStatus()
             : model::CheckVersion("spec.version", spec.version());
}

absl::Status CheckRunPhase(const job::v1::RunPhase& run) {
  WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("spec.run_phase.command", run.command()));
  if (!run.has_offer_after()) {
    return absl::InvalidArgumentError("spec.run_phase.offer_after: a run job needs it");
  }
  WAYBILL_RETURN_IF_ERROR(
      model::FromProto("spec.run_phase.offer_after", run.offer_after()).status());
  WAYBILL_RETURN_IF_ERROR(
      model::FromProto("spec.run_phase.mandatory_after", run.mandatory_after()).status());
  return model::FromProto("spec.run_phase.expires_after", run.expires_after()).status();
}

absl::Status CheckPlaces(const Instruction& instruction) {
  WAYBILL_RETURN_IF_ERROR(AtMost("site_codes", instruction.site_codes_size(), kTargetSitesMax));
  WAYBILL_RETURN_IF_ERROR(AtMost("servers", instruction.servers_size(), model::kGroupMembersMax));
  for (const std::string& site_code : instruction.site_codes()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_codes", site_code));
  }
  for (const transfer::v1::ServerMember& server : instruction.servers()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("servers.site_code", server.site_code()));
    WAYBILL_RETURN_IF_ERROR(model::CheckHostName("servers.server_name", server.server_name()));
  }
  return absl::OkStatus();
}

absl::Status CheckSpec(const job::v1::JobSpec& spec) {
  WAYBILL_RETURN_IF_ERROR(CheckEnums(spec));
  WAYBILL_RETURN_IF_ERROR(CheckVersion(spec));
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("spec.package_id", spec.package_id()));
  WAYBILL_RETURN_IF_ERROR(model::CheckComment("spec.comment", spec.comment()));
  if (!spec.distribute_phase().server_group().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("spec.distribute_phase.server_group",
                                                    spec.distribute_phase().server_group()));
  }
  WAYBILL_RETURN_IF_ERROR(model::FromProto("spec.start_after", spec.start_after()).status());
  return model::FromProto("spec.deadline", spec.deadline()).status();
}

}  // namespace

bool IsCancel(const Instruction& instruction) {
  return instruction.cancel_epoch() > 0;
}

bool IsRemove(const Instruction& instruction) {
  return instruction.spec().type() == job::v1::JOB_TYPE_REMOVE_PACKAGE;
}

bool IsRun(const Instruction& instruction) {
  return instruction.spec().has_run_phase();
}

bool IsTargetSite(const Instruction& instruction, absl::string_view site_code) {
  return std::any_of(instruction.site_codes().begin(), instruction.site_codes().end(),
                     [&](const std::string& code) { return site_code == code; });
}

bool Distributes(const Instruction& instruction) {
  const job::v1::DistributePhase& phase = instruction.spec().distribute_phase();
  return !IsRemove(instruction) && !IsCancel(instruction) &&
         (phase.refresh_existing() || phase.put_on_specified() || IsRun(instruction));
}

std::vector<std::string> ServersAt(const Instruction& instruction, absl::string_view site_code) {
  std::vector<std::string> names;
  for (const transfer::v1::ServerMember& server : instruction.servers()) {
    if (site_code == server.site_code()) {
      names.push_back(server.server_name());
    }
  }
  return names;
}

absl::Status CheckInstruction(const Instruction& instruction) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", instruction.job_id()));
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("origin_site_code", instruction.origin_site_code()));
  if (instruction.revision() < 1) {
    return absl::InvalidArgumentError("revision must be at least 1");
  }
  if (instruction.cancel_epoch() < 0) {
    return absl::InvalidArgumentError("cancel_epoch must not be negative");
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("package_name", instruction.package_name()));
  WAYBILL_RETURN_IF_ERROR(model::FromProto("create_time", instruction.create_time()).status());
  WAYBILL_RETURN_IF_ERROR(CheckSpec(instruction.spec()));
  WAYBILL_RETURN_IF_ERROR(CheckPlaces(instruction));
  if (!IsRun(instruction)) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(CheckRunPhase(instruction.spec().run_phase()));
  return model::CheckCommand("command", instruction.command());
}

TargetList::TargetList(const Instruction& instruction)
    : site_codes_(instruction.site_codes().begin(), instruction.site_codes().end()) {
  std::sort(site_codes_.begin(), site_codes_.end());
}

absl::Status TargetList::Add(absl::string_view sms_id, absl::string_view site_code) {
  if (count_ >= kTargetsMax) {
    return absl::ResourceExhaustedError(absl::StrCat("over ", kTargetsMax, " targets"));
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("targets.sms_id", sms_id));
  const auto site = std::lower_bound(site_codes_.begin(), site_codes_.end(), site_code);
  if (site == site_codes_.end() || *site != site_code || sms_id.size() > 255) {
    return absl::InvalidArgumentError(
        absl::StrCat("targets.site_code of ", sms_id, " is not among site_codes"));
  }
  const auto index = static_cast<std::uint16_t>(site - site_codes_.begin());
  packed_.push_back(static_cast<char>(index & 0xff));
  packed_.push_back(static_cast<char>(index >> 8));
  packed_.push_back(static_cast<char>(sms_id.size()));
  packed_.append(sms_id.data(), sms_id.size());
  ++count_;
  return absl::OkStatus();
}

absl::Status TargetList::ForEachBatch(std::size_t batch_max, Batch take) const {
  std::vector<std::string> sms_ids;
  std::vector<std::string> site_codes;
  const auto byte = [this](std::size_t at) { return static_cast<std::uint8_t>(packed_[at]); };
  for (std::size_t at = 0; at < packed_.size();) {
    const std::size_t site = byte(at) | static_cast<std::size_t>(byte(at + 1)) << 8;
    const std::size_t length = byte(at + 2);
    sms_ids.push_back(packed_.substr(at + 3, length));
    site_codes.push_back(site_codes_[site]);
    at += 3 + length;
    if (sms_ids.size() >= batch_max || at >= packed_.size()) {
      WAYBILL_RETURN_IF_ERROR(take(sms_ids, site_codes));
      sms_ids.clear();
      site_codes.clear();
    }
  }
  return absl::OkStatus();
}

}  // namespace waybill::despooler
