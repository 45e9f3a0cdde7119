#include "services/despooler/receive_store.h"

#include <cstdint>
#include <optional>
#include <string>
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
#include "common/jobdb/parameters.h"
#include "common/model/proto_time.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "services/despooler/instruction_rules.h"
#include "services/despooler/received_transfer.h"

#include "despooler_sql.h"
#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::despooler {
namespace {

using transfer::v1::Instruction;

constexpr std::size_t kTargetsPerStatement = 10'000;

constexpr auto kSelfFromRow = [](const pqxx::row& row) {
  return ReceiveStore::Self{
      .site_code = row["site_code"].as<std::string>(),
      .parent_site_code = jobdb::ReadOptional<std::string>(row["parent_site_code"])};
};

struct Revision {
  std::int64_t revision = 0;
  bool committed = false;
};

constexpr auto kRevisionFromRow = [](const pqxx::row& row) {
  return Revision{.revision = row["revision"].as<std::int64_t>(),
                  .committed = row["committed"].as<bool>()};
};

constexpr auto kNumberFromRow = [](const pqxx::row& row) { return row[0].as<std::int64_t>(); };

absl::Status PutFence(pqxx::transaction_base& work, const TransferKey& key) {
  const auto fence = jobdb::FindOne(work, sql::kPutTransferFence, kNumberFromRow,
                                    key.sender_site_code, key.send_request_id, key.fence);
  if (fence.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("STALE_FENCE: a later attempt at send request ",
                                                    key.send_request_id, " of site ",
                                                    key.sender_site_code, " was seen"));
}

/// What is not there is NULL; what is there was checked.
template <typename Message>
std::optional<absl::Time> TimeOf(bool present, const Message& message) {
  if (!present) return std::nullopt;
  return model::FromProto("", message).value_or(absl::UnixEpoch());
}

std::optional<std::string> VersionBytes(const Instruction& instruction) {
  const absl::StatusOr<content::Digest> version =
      content::Digest::FromHex(instruction.spec().version());
  if (!version.ok()) return std::nullopt;
  return std::string(version->bytes());
}

std::optional<jobdb::Bytes> AsBytes(const std::optional<std::string>& bytes) {
  if (!bytes.has_value()) return std::nullopt;
  return jobdb::Bytes{*bytes};
}

template <typename T, typename Repeated>
std::vector<T> ToVector(const Repeated& repeated) {
  return std::vector<T>(repeated.begin(), repeated.end());
}

std::vector<std::string> ServerMembers(const Instruction& instruction) {
  std::vector<std::string> members;
  for (const transfer::v1::ServerMember& server : instruction.servers()) {
    members.push_back(absl::StrCat(server.site_code(), "|", server.server_name()));
  }
  return members;
}

void PutJob(pqxx::transaction_base& work, const Instruction& instruction) {
  const job::v1::JobSpec& spec = instruction.spec();
  const job::v1::DistributePhase& distribute = spec.distribute_phase();
  const job::v1::RunPhase& run = spec.run_phase();
  const package::v1::Command& command = instruction.command();
  const std::optional<std::string> version = VersionBytes(instruction);
  const bool has_limit = command.has_time_limit();
  jobdb::Execute(
      work, sql::kPutReceivedJob, instruction.job_id(), instruction.origin_site_code(), spec.type(),
      spec.comment(), spec.package_id(), AsBytes(version), spec.priority(),
      TimeOf(true, spec.start_after()), TimeOf(true, spec.deadline()), spec.send_phase(),
      distribute.refresh_existing(), distribute.put_on_specified(), distribute.server_group(),
      ServerMembers(instruction), run.command(), ToVector<std::string>(command.arguments()),
      has_limit ? model::FromProto("", command.time_limit()).value_or(absl::Hours(1))
                : absl::Hours(1),
      ToVector<std::int32_t>(command.success_exit_codes()),
      ToVector<std::string>(command.platforms()), TimeOf(spec.has_run_phase(), run.offer_after()),
      TimeOf(run.has_mandatory_after(), run.mandatory_after()),
      TimeOf(run.has_expires_after(), run.expires_after()), instruction.revision(),
      instruction.cancel_epoch(), TimeOf(true, instruction.create_time()));
}

void PutVersion(pqxx::transaction_base& work, const std::string& package_id,
                const ReceivedVersion& version) {
  jobdb::Execute(work, sql::kPutReceivedVersion, package_id, jobdb::Bytes{version.version.bytes()},
                 jobdb::Bytes{version.content_digest.bytes()}, version.entry_count,
                 version.file_count, version.plain_bytes, version.stored_bytes,
                 version.manifest_bytes, version.skipped_paths);
}

absl::Status PutTargets(pqxx::transaction_base& work, const ReceivedTransfer& received) {
  const std::string& job_id = received.instruction.job_id();
  jobdb::Execute(work, sql::kPutJobSites, job_id,
                 ToVector<std::string>(received.instruction.site_codes()));
  return received.targets.ForEachBatch(
      kTargetsPerStatement, [&](const auto& sms_ids, const auto& site_codes) {
        jobdb::Execute(work, sql::kPutJobTargets, job_id, sms_ids, site_codes);
        return absl::OkStatus();
      });
}

void FailOwnEdges(pqxx::transaction_base& work, const std::string& job_id,
                  const std::string& site_code, const std::string& reason) {
  jobdb::Execute(work, sql::kFailOwnSite, job_id, site_code, reason);
  jobdb::Execute(work, sql::kFailOwnTargets, job_id, site_code, reason);
}

// A run or share job at a site that is one of its targets.
void BeginDistribution(pqxx::transaction_base& work, const Instruction& instruction,
                       const std::string& site_code) {
  const std::string& job_id = instruction.job_id();
  jobdb::Execute(work, sql::kMarkNotApplicable, job_id, site_code);
  const bool held =
      jobdb::FindOne(work, sql::kFindHeldVersion, kNumberFromRow, instruction.spec().package_id(),
                     AsBytes(VersionBytes(instruction)))
          .has_value();
  if (!held) {
    FailOwnEdges(work, job_id, site_code,
                 model::Reason(model::kVersionNotAtSite,
                               "the site does not hold the version and the job does not send it"));
    return;
  }
  if (!Distributes(instruction)) return;
  const std::int64_t servers = jobdb::Execute(work, sql::kFreezeServers, job_id, site_code,
                                              ServersAt(instruction, site_code));
  // Refreshing existing copies where there are none is nothing to do, unless workstations wait.
  const bool needs_server =
      IsRun(instruction) || instruction.spec().distribute_phase().put_on_specified();
  if (servers == 0 && needs_server) {
    FailOwnEdges(work, job_id, site_code,
                 model::Reason(model::kNoDistributionServer,
                               "the site has no distribution server for this job"));
  }
}

void BeginRemoval(pqxx::transaction_base& work, const Instruction& instruction,
                  const std::string& site_code) {
  const std::string& job_id = instruction.job_id();
  const std::string& package_id = instruction.spec().package_id();
  const std::optional<std::string> bytes = VersionBytes(instruction);
  const std::optional<jobdb::Bytes> version = AsBytes(bytes);
  const std::string reason = model::Reason(model::kPackageRemoved, absl::StrCat("by job ", job_id));
  jobdb::Execute(work, sql::kFailPackageServers, job_id, site_code, package_id, version, reason);
  jobdb::Execute(work, sql::kWithdrawPackageOffers, job_id, site_code, package_id, version, reason);
  jobdb::Execute(work, sql::kFreezeRemovals, job_id, site_code, package_id, version);
}

void EndCancelled(pqxx::transaction_base& work, const std::string& job_id,
                  const std::string& site_code) {
  const std::string reason = model::Reason(model::kCancelled, "the job was cancelled");
  jobdb::Execute(work, sql::kDeleteJobPins, job_id);
  jobdb::Execute(work, sql::kFailJobServers, job_id, site_code, reason);
  jobdb::Execute(work, sql::kWithdrawJobOffers, job_id, site_code, reason);
}

void BeginOwnWork(pqxx::transaction_base& work, const Instruction& instruction,
                  const std::string& site_code) {
  if (IsCancel(instruction)) {
    EndCancelled(work, instruction.job_id(), site_code);
  } else if (!IsTargetSite(instruction, site_code)) {
    return;  // Only passes it on.
  } else if (IsRemove(instruction)) {
    BeginRemoval(work, instruction, site_code);
  } else {
    BeginDistribution(work, instruction, site_code);
  }
}

absl::Status CommitRows(pqxx::transaction_base& work, const ReceivedTransfer& received,
                        const std::string& site_code) {
  const Instruction& instruction = received.instruction;
  const std::string& package_id = instruction.spec().package_id();
  jobdb::Execute(work, sql::kPutReceivedPackage, package_id, instruction.package_name());
  if (received.version.has_value()) {
    PutVersion(work, package_id, *received.version);
  }
  PutJob(work, instruction);
  WAYBILL_RETURN_IF_ERROR(PutTargets(work, received));
  BeginOwnWork(work, instruction, site_code);
  jobdb::Execute(work, sql::kPutInstruction, instruction.job_id(), instruction.revision(),
                 site_code);
  jobdb::Execute(work, sql::kMarkCommitted, instruction.job_id(), site_code,
                 instruction.revision());
  return absl::OkStatus();
}

absl::Status CommitTransfer(pqxx::transaction_base& work, const ReceivedTransfer& received,
                            absl::FunctionRef<absl::Status()> chunks_stand,
                            ReceiveStore::Commitment& commitment) {
  const Instruction& instruction = received.instruction;
  commitment = ReceiveStore::Commitment::kCommitted;
  WAYBILL_RETURN_IF_ERROR(PutFence(work, received.key));
  if (received.version.has_value()) {
    jobdb::Execute(work, sql::kLockPackUnlinking, jobdb::kPackUnlinkLock);
    WAYBILL_RETURN_IF_ERROR(chunks_stand());
  }
  const auto known = jobdb::FindOne(work, sql::kLockJobRevision, kRevisionFromRow,
                                    instruction.job_id(), instruction.revision());
  if (known.has_value() && known->revision > instruction.revision()) {
    commitment = ReceiveStore::Commitment::kSuperseded;
    return absl::OkStatus();
  }
  if (known.has_value() && known->committed) return absl::OkStatus();
  const auto self = jobdb::FindOne(work, sql::kGetSelf, kSelfFromRow);
  if (!self.has_value()) return absl::FailedPreconditionError("the site has no name yet");
  return CommitRows(work, received, self->site_code);
}

}  // namespace

absl::StatusOr<ReceiveStore::Self> ReceiveStore::GetSelf() {
  return jobdb::GetOne(database_,
                       absl::NotFoundError("the job database does not say which site it is of; "
                                           "the site's scheduler writes that when it starts"),
                       sql::kGetSelf, kSelfFromRow);
}

absl::StatusOr<ReceiveStore::Admission> ReceiveStore::Admit(const TransferKey& key,
                                                            const std::string& job_id,
                                                            std::int64_t revision) {
  std::optional<std::int64_t> known;
  const auto admit = [&](pqxx::transaction_base& work) {
    known = jobdb::FindOne(work, sql::kFindJobRevision, kNumberFromRow, job_id);
    return PutFence(work, key);
  };
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kPutTransferFence, admit));
  return known.has_value() && *known > revision ? Admission::kSuperseded : Admission::kWelcome;
}

absl::Status ReceiveStore::PutPin(const Pin& pin, absl::Duration limit) {
  return database_.RunRetrying(sql::kPutPin, [&](pqxx::transaction_base& work) {
    // A collector that is unlinking does not know of this pin: what it finds dead must be gone
    // before anybody looks at what stands.
    jobdb::Execute(work, sql::kLockPackUnlinking, jobdb::kPackUnlinkLock);
    const std::int64_t put =
        jobdb::Execute(work, sql::kPutPin, pin.pin_id, pin.package_id,
                       jobdb::Bytes{pin.version.bytes()}, "despooler", limit, pin.job_id);
    return put > 0 ? absl::OkStatus()
                   : absl::AbortedError(absl::StrCat("job ", pin.job_id, " was cancelled here"));
  });
}

absl::Status ReceiveStore::RenewPin(const std::string& pin_id, absl::Duration limit) {
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t renewed,
                           jobdb::Execute(database_, sql::kRenewPin, pin_id, limit));
  return renewed > 0 ? absl::OkStatus()
                     : absl::AbortedError(
                           "the job was cancelled here, or the transfer stood still for too long");
}

absl::Status ReceiveStore::DeletePin(const std::string& pin_id) {
  return jobdb::Execute(database_, sql::kDeletePin, pin_id).status();
}

absl::StatusOr<ReceiveStore::Commitment> ReceiveStore::Commit(
    const ReceivedTransfer& received, absl::FunctionRef<absl::Status()> chunks_stand) {
  Commitment commitment = Commitment::kCommitted;
  const auto commit = [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_RETURN_IF_ERROR(CommitTransfer(work, received, chunks_stand, commitment));
    jobdb::Execute(work, sql::kDeleteTransferFences, received.key.sender_site_code,
                   received.key.send_request_id);
    return absl::OkStatus();
  };
  WAYBILL_RETURN_IF_ERROR(database_.RunRetrying(sql::kPutInstruction, commit));
  return commitment;
}

}  // namespace waybill::despooler
