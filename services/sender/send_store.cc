#include "services/sender/send_store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/advisory_locks.h"
#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/model/proto_time.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "services/sender/send_order.h"
#include "services/sender/slots.h"

#include "sender_sql.h"
#include "waybill/job/v1/job.pb.h"
#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::sender {
namespace {

using transfer::v1::Instruction;

constexpr auto kTextFromRow = [](const pqxx::row& row) { return row[0].as<std::string>(); };
constexpr auto kNumberFromRow = [](const pqxx::row& row) { return row[0].as<std::int64_t>(); };

constexpr auto kDueFromRow = [](const pqxx::row& row) {
  return DueSend{.send_request_id = row["send_request_id"].as<std::int64_t>(),
                 .site_code = row["site_code"].as<std::string>(),
                 .address_max = row["concurrent_sends_max"].as<int>()};
};

std::optional<content::Digest> ReadVersion(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return content::Digest::FromBytes(jobdb::ReadBytes(field)).value_or(content::Digest());
}

constexpr auto kOrderFromRow = [](const pqxx::row& row) {
  return SendOrder{.send_request_id = row["send_request_id"].as<std::int64_t>(),
                   .fence = row["fence"].as<std::int64_t>(),
                   .job_id = row["job_id"].as<std::string>(),
                   .site_code = row["site_code"].as<std::string>(),
                   .endpoint = row["endpoint"].as<std::string>(),
                   .revision = row["revision"].as<std::int64_t>(),
                   .with_targets = row["with_targets"].as<bool>(),
                   .package_id = row["package_id"].as<std::string>(),
                   .version = ReadVersion(row["version"]),
                   .verify_held = row["send_phase"].as<int>() == job::v1::SEND_PHASE_EVEN_IF_SENT,
                   .failures = row["attempt_count"].as<int>()};
};

constexpr auto kRenewedFromRow = [](const pqxx::row& row) {
  return SendStore::Renewed{.send_request_id = row["send_request_id"].as<std::int64_t>(),
                            .superseded = row["superseded"].as<bool>(),
                            .overdue = row["overdue"].as<bool>()};
};

template <typename Message>
void SetTime(const pqxx::field& field, Message* (job::v1::RunPhase::*mutable_field)(),
             job::v1::RunPhase& run) {
  if (!field.is_null()) *(run.*mutable_field)() = model::ToProto(jobdb::ReadTime(field));
}

void ReadRunPhase(const pqxx::row& row, Instruction& instruction) {
  const auto command_name = row["command_name"].as<std::string>();
  if (command_name.empty()) return;
  job::v1::RunPhase& run = *instruction.mutable_spec()->mutable_run_phase();
  run.set_command(command_name);
  SetTime(row["offer_after"], &job::v1::RunPhase::mutable_offer_after, run);
  SetTime(row["mandatory_after"], &job::v1::RunPhase::mutable_mandatory_after, run);
  SetTime(row["expires_after"], &job::v1::RunPhase::mutable_expires_after, run);
  run.set_never_expires(row["expires_after"].is_null());
  package::v1::Command& command = *instruction.mutable_command();
  command.set_command_name(command_name);
  for (std::string& argument : jobdb::ReadTextArray(row["arguments"])) {
    command.add_arguments(std::move(argument));
  }
  for (const std::int64_t code : jobdb::ReadIntegerArray(row["success_exit_codes"])) {
    command.add_success_exit_codes(static_cast<std::int32_t>(code));
  }
  for (std::string& platform : jobdb::ReadTextArray(row["platforms"])) {
    command.add_platforms(std::move(platform));
  }
  command.mutable_time_limit()->set_seconds(row["time_limit_seconds"].as<std::int64_t>());
}

constexpr auto kInstructionFromRow = [](const pqxx::row& row) {
  Instruction instruction;
  instruction.set_job_id(row["job_id"].as<std::string>());
  instruction.set_origin_site_code(row["origin_site_code"].as<std::string>());
  instruction.set_revision(row["revision"].as<std::int64_t>());
  instruction.set_cancel_epoch(row["cancel_epoch"].as<std::int64_t>());
  instruction.set_package_name(row["package_name"].as<std::string>());
  *instruction.mutable_create_time() = model::ToProto(jobdb::ReadTime(row["create_time"]));
  job::v1::JobSpec& spec = *instruction.mutable_spec();
  spec.set_type(static_cast<job::v1::JobType>(row["type"].as<int>()));
  spec.set_comment(row["comment"].as<std::string>());
  spec.set_package_id(row["package_id"].as<std::string>());
  if (const auto version = ReadVersion(row["version"])) {
    spec.set_version(version->ToHex());
  }
  spec.set_priority(static_cast<job::v1::Priority>(row["priority"].as<int>()));
  *spec.mutable_start_after() = model::ToProto(jobdb::ReadTime(row["start_after"]));
  *spec.mutable_deadline() = model::ToProto(jobdb::ReadTime(row["deadline"]));
  spec.set_send_phase(static_cast<job::v1::SendPhase>(row["send_phase"].as<int>()));
  job::v1::DistributePhase& distribute = *spec.mutable_distribute_phase();
  distribute.set_refresh_existing(row["refresh_existing"].as<bool>());
  distribute.set_put_on_specified(row["put_on_specified"].as<bool>());
  distribute.set_server_group(row["server_group"].as<std::string>());
  ReadRunPhase(row, instruction);
  return instruction;
};

constexpr auto kMemberFromRow = [](const pqxx::row& row) {
  transfer::v1::ServerMember member;
  member.set_site_code(row["site_code"].as<std::string>());
  member.set_server_name(row["server_name"].as<std::string>());
  return member;
};

constexpr auto kSizesFromRow = [](const pqxx::row& row) {
  return VersionSizes{.plain_bytes = row["plain_bytes"].as<std::int64_t>(),
                      .stored_bytes = row["stored_bytes"].as<std::int64_t>(),
                      .manifest_bytes = row["manifest_bytes"].as<std::int64_t>()};
};

constexpr auto kListedFromRow = [](const pqxx::row& row) {
  SendRequestRow listed;
  listed.send_request_id = row["send_request_id"].as<std::int64_t>();
  listed.job_id = row["job_id"].as<std::string>();
  listed.site_code = row["site_code"].as<std::string>();
  listed.package_id = row["package_id"].as<std::string>();
  if (const auto version = ReadVersion(row["version"])) {
    listed.version = version->ToHex();
  }
  listed.revision = row["revision"].as<std::int64_t>();
  listed.priority = static_cast<job::v1::Priority>(row["priority"].as<int>());
  listed.state = static_cast<job::v1::SendState>(row["state"].as<int>());
  listed.reason = row["reason"].as<std::string>();
  listed.attempt_count = row["attempt_count"].as<int>();
  listed.bytes_total = row["bytes_total"].as<std::int64_t>();
  listed.bytes_sent = row["bytes_sent"].as<std::int64_t>();
  listed.create_time = jobdb::ReadTime(row["create_time"]);
  listed.next_time = jobdb::ReadTime(row["next_time"]);
  listed.finish_time = jobdb::ReadOptionalTime(row["finish_time"]);
  const std::vector<std::int64_t> place = jobdb::ReadIntegerArray(row["place"]);
  listed.place = {place.at(0), place.at(1), place.at(2)};
  return listed;
};

absl::Status StaleFence(const SendOrder& order) {
  return absl::FailedPreconditionError(
      absl::StrCat("STALE_FENCE: send request ", order.send_request_id, " is no longer ours"));
}

std::vector<std::int64_t> Ids(const std::vector<SendOrder>& orders) {
  std::vector<std::int64_t> ids;
  for (const SendOrder& order : orders) {
    ids.push_back(order.send_request_id);
  }
  return ids;
}

std::vector<SendOrder> ClaimChosen(pqxx::transaction_base& work,
                                   const SendStore::ClaimLimits& limits) {
  jobdb::Execute(work, sql::kLockSendClaims, jobdb::kSendClaimLock);
  SlotState slots = {.sends_max = limits.sends_max, .active = {}, .failing = limits.failing};
  jobdb::Query(work, sql::kCountActiveSends, [&](const pqxx::row& row) {
    return slots.active.emplace(row["site_code"].as<std::string>(), row["active"].as<int>()).second;
  });
  const std::vector<DueSend> due =
      jobdb::Query(work, sql::kListDueSends, kDueFromRow, limits.sends_max);
  const std::vector<std::int64_t> chosen = ChooseSends(due, slots);
  if (chosen.empty()) return {};
  std::vector<SendOrder> orders =
      jobdb::Query(work, sql::kClaimSendRequests, kOrderFromRow, chosen, limits.lease);
  jobdb::Execute(work, sql::kShowClaimedSites, Ids(orders));
  return orders;
}

absl::Status EndRequest(pqxx::transaction_base& work, const SendOrder& order,
                        job::v1::SendState state, const std::string& reason) {
  const auto ended = jobdb::FindOne(work, sql::kFinishSend, kNumberFromRow, order.send_request_id,
                                    order.fence, state, reason);
  return ended.has_value() ? absl::OkStatus() : StaleFence(order);
}

absl::Status ReadInstruction(pqxx::transaction_base& work, const SendOrder& order,
                             Instruction& instruction) {
  std::optional<Instruction> read =
      jobdb::FindOne(work, sql::kGetSentJob, kInstructionFromRow, order.job_id);
  if (!read.has_value() || read->revision() != order.revision) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", order.job_id, " has another revision than ", order.revision));
  }
  instruction = *std::move(read);
  if (!order.with_targets) return absl::OkStatus();
  const std::vector<std::string> site_codes =
      jobdb::Query(work, sql::kListSitesBehind, kTextFromRow, order.job_id, order.site_code);
  for (auto& member :
       jobdb::Query(work, sql::kListServerMembers, kMemberFromRow, order.job_id, site_codes)) {
    *instruction.add_servers() = std::move(member);
  }
  instruction.mutable_site_codes()->Assign(site_codes.begin(), site_codes.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> SendStore::GetSiteCode() {
  return jobdb::GetOne(database_,
                       absl::NotFoundError("the job database does not say which site it is of; "
                                           "the site's scheduler writes that when it starts"),
                       sql::kGetSelf, kTextFromRow);
}

absl::StatusOr<std::vector<SendOrder>> SendStore::Claim(const ClaimLimits& limits) {
  std::vector<SendOrder> orders;
  const auto claim = [&](pqxx::transaction_base& work) {
    orders = ClaimChosen(work, limits);
    return absl::OkStatus();
  };
  WAYBILL_RETURN_IF_ERROR(database_.RunRetrying(sql::kClaimSendRequests, claim));
  return orders;
}

absl::StatusOr<int> SendStore::EndHopeless() {
  const std::string superseded = model::Reason(model::kCancelled, "the job was cancelled");
  const std::string overdue =
      model::Reason(model::kDeadlinePassed, "the job's deadline passed before it was sent");
  int ended = 0;
  const auto end = [&](pqxx::transaction_base& work) {
    std::map<std::string, std::vector<std::int64_t>> by_reason;
    jobdb::Query(
        work, sql::kEndHopelessSends,
        [&](const pqxx::row& row) {
          by_reason[row["reason"].as<std::string>()].push_back(
              row["send_request_id"].as<std::int64_t>());
          return 0;
        },
        superseded, overdue);
    ended = 0;
    for (const auto& [reason, ids] : by_reason) {
      jobdb::Execute(work, sql::kFailSitesBehind, ids, reason);
      ended += static_cast<int>(ids.size());
    }
    return absl::OkStatus();
  };
  WAYBILL_RETURN_IF_ERROR(database_.RunRetrying(sql::kEndHopelessSends, end));
  return ended;
}

absl::Status SendStore::MarkWithoutAddress() {
  return jobdb::Execute(database_, sql::kMarkWithoutAddress,
                        model::Reason(model::kNoAddress, "this site has no address to it"))
      .status();
}

absl::StatusOr<std::optional<absl::Duration>> SendStore::FindNextDue() {
  const auto from_row = [](const pqxx::row& row) -> std::optional<absl::Duration> {
    if (row[0].is_null()) return std::nullopt;
    return absl::Milliseconds(row[0].as<std::int64_t>());
  };
  return jobdb::GetOne(database_, absl::InternalError("an aggregate returned no row"),
                       sql::kGetNextDueSend, from_row);
}

absl::StatusOr<std::vector<SendStore::Renewed>> SendStore::Renew(
    const std::vector<SendOrder>& orders, absl::Duration lease) {
  std::vector<std::int64_t> fences;
  for (const SendOrder& order : orders) {
    fences.push_back(order.fence);
  }
  return jobdb::Query(database_, sql::kRenewSends, kRenewedFromRow, Ids(orders), fences, lease);
}

absl::Status SendStore::ShowProgress(const SendOrder& order, std::int64_t bytes_total,
                                     std::int64_t sent_bytes_more) {
  return jobdb::Execute(database_, sql::kShowProgress, order.send_request_id, order.fence,
                        bytes_total, sent_bytes_more)
      .status();
}

absl::Status SendStore::FinishSent(const SendOrder& order) {
  const auto finish = [&](pqxx::transaction_base& work) {
    const absl::Status ended = EndRequest(work, order, job::v1::SEND_STATE_SENT, "");
    if (ended.ok()) jobdb::Execute(work, sql::kShowSentSite, order.send_request_id);
    return ended;
  };
  return database_.RunRetrying(sql::kFinishSend, finish);
}

absl::Status SendStore::FinishFailed(const SendOrder& order, const std::string& reason) {
  const auto finish = [&](pqxx::transaction_base& work) {
    // Somebody who cancelled may have failed the request itself; the sites behind are left to us.
    EndRequest(work, order, job::v1::SEND_STATE_FAILED, reason).IgnoreError();
    jobdb::Execute(work, sql::kFailSitesBehind, std::vector<std::int64_t>{order.send_request_id},
                   reason);
    return absl::OkStatus();
  };
  return database_.RunRetrying(sql::kFinishSend, finish);
}

absl::Status SendStore::Retry(const SendOrder& order, const std::string& reason,
                              absl::Duration wait, int failures) {
  const auto retry = [&](pqxx::transaction_base& work) -> absl::Status {
    const auto waiting = jobdb::FindOne(work, sql::kRetrySend, kNumberFromRow,
                                        order.send_request_id, order.fence, reason, wait, failures);
    if (!waiting.has_value()) return StaleFence(order);
    jobdb::Execute(work, sql::kShowRetryingSite, order.send_request_id);
    return absl::OkStatus();
  };
  return database_.RunRetrying(sql::kRetrySend, retry);
}

absl::Status SendStore::Release(const SendOrder& order) {
  WAYBILL_ASSIGN_OR_RETURN(
      const std::int64_t released,
      jobdb::Execute(database_, sql::kReleaseSend, order.send_request_id, order.fence));
  return released == 1 ? absl::OkStatus() : StaleFence(order);
}

absl::StatusOr<Instruction> SendStore::GetInstruction(const SendOrder& order) {
  Instruction instruction;
  const auto read = [&](pqxx::transaction_base& work) {
    return ReadInstruction(work, order, instruction);
  };
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kGetSentJob, read));
  return instruction;
}

absl::StatusOr<std::vector<std::string>> SendStore::ListTargets(const std::string& job_id,
                                                                const std::string& site_code,
                                                                const std::string& after_sms_id,
                                                                int count_max) {
  return jobdb::Query(database_, sql::kListSentTargets, kTextFromRow, job_id, site_code,
                      after_sms_id, count_max);
}

absl::StatusOr<VersionSizes> SendStore::GetSizes(const SendOrder& order) {
  const content::Digest version = order.version.value_or(content::Digest());
  return jobdb::GetOne(
      database_,
      absl::NotFoundError(absl::StrCat("this site does not hold version ", version.ToHex(),
                                       " of package ", order.package_id)),
      sql::kFindVersionSizes, kSizesFromRow, order.package_id, jobdb::Bytes{version.bytes()});
}

absl::StatusOr<std::vector<SendRequestRow>> SendStore::List(const ListFilter& filter) {
  return jobdb::Query(
      database_, sql::kListSendRequests, kListedFromRow, filter.site_code, filter.include_ended,
      std::vector<std::int64_t>(filter.after.begin(), filter.after.end()), filter.count_max);
}

}  // namespace waybill::sender
