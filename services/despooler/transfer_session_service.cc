#include "services/despooler/transfer_session_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/limits.h"
#include "common/content/manifest.h"
#include "common/content/manifest_store.h"
#include "common/content/pack_writer.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/rpc/identity.h"
#include "common/status/status_macros.h"
#include "services/despooler/chunk_intake.h"
#include "services/despooler/instruction_rules.h"
#include "services/despooler/received_transfer.h"
#include "services/despooler/space_rules.h"

#include "waybill/transfer/v1/instruction.pb.h"
#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::despooler {
namespace {

using transfer::v1::Refused;
using transfer::v1::TransferRequest;
using transfer::v1::TransferResponse;

constexpr absl::Duration kPinDuration = absl::Hours(1);  // Longer than the longest back-off.
constexpr absl::Duration kPinRenewal = absl::Minutes(1);
constexpr absl::Duration kSignInterval = absl::Seconds(5);
constexpr std::size_t kBitmapBytesMax = 512 << 10;
constexpr std::size_t kSkippedPathsMax = 1000;

prometheus::Counter& ChunksReceived() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_despooler_chunks_received_total", "Chunks received and stored.");
  return family.With();
}

prometheus::Counter& BytesReceived() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_despooler_chunk_received_bytes", "Bytes of received chunks, compressed.");
  return family.With();
}

metrics::CounterFamily& Refusals() {
  static metrics::CounterFamily& family =
      *new metrics::CounterFamily("waybill_despooler_transfers_refused_total",
                                  "Transfers that were turned away, by reason.", {"reason"});
  return family;
}

absl::Status Unexpected(const TransferRequest& request, absl::string_view expected) {
  const auto* field =
      TransferRequest::descriptor()->FindFieldByNumber(static_cast<int>(request.kind_case()));
  return absl::InvalidArgumentError(
      absl::StrCat("got ", field == nullptr ? "an empty message" : field->name(), " where ",
                   expected, " must come"));
}

absl::Status CheckRange(absl::string_view field, std::int64_t value, std::int64_t min,
                        std::uint64_t max) {
  if (value >= min && static_cast<std::uint64_t>(value) <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("open.", field, " is ", value, ", must be ", min, " to ", max));
}

absl::Status CheckOpen(const transfer::v1::Open& open) {
  constexpr auto kAny = static_cast<std::uint64_t>(INT64_MAX);
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("open.sender_site_code", open.sender_site_code()));
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("open.job_id", open.job_id()));
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("open.package_id", open.package_id()));
  WAYBILL_RETURN_IF_ERROR(CheckRange("send_request_id", open.send_request_id(), 1, kAny));
  WAYBILL_RETURN_IF_ERROR(CheckRange("fence", open.fence(), 1, kAny));
  WAYBILL_RETURN_IF_ERROR(CheckRange("revision", open.revision(), 1, kAny));
  if (open.version().empty()) return absl::OkStatus();
  if (!content::Digest::FromBytes(open.version()).ok()) {
    return absl::InvalidArgumentError("open.version must have 32 bytes or none");
  }
  WAYBILL_RETURN_IF_ERROR(
      CheckRange("manifest_bytes", open.manifest_bytes(), 1, content::kManifestBytesMax));
  WAYBILL_RETURN_IF_ERROR(CheckRange("plain_bytes", open.plain_bytes(), 0, content::kTreeBytesMax));
  return CheckRange("stored_bytes", open.stored_bytes(), 0, content::kTreeBytesMax);
}

}  // namespace

TransferSession::TransferSession(const TransferService::Deps& deps,
                                 const TransferService::Options& options,
                                 const rpc::CallContext& call, rpc::Source<TransferRequest>& source,
                                 rpc::Sink<TransferResponse>& sink)
    : deps_(deps), options_(options), call_(call), source_(source), sink_(sink) {}

absl::Status TransferSession::Run() {
  since_sign_.emplace();
  WAYBILL_RETURN_IF_ERROR(ReadOpen());
  WAYBILL_RETURN_IF_ERROR(CheckScope());
  WAYBILL_RETURN_IF_ERROR(ReadInstruction());
  WAYBILL_ASSIGN_OR_RETURN(const Step admitted, Admit());
  if (admitted == Step::kEnd) return absl::OkStatus();
  if (open_.version().empty()) {
    TransferResponse response;
    response.mutable_accepted()->set_credit_bytes(options_.credit_bytes);
    WAYBILL_RETURN_IF_ERROR(Say(std::move(response)));
    TransferRequest request;
    WAYBILL_RETURN_IF_ERROR(Next(request));
    if (!request.has_commit()) return Unexpected(request, "commit");
  } else {
    WAYBILL_ASSIGN_OR_RETURN(const Step received, ReceiveVersion());
    if (received == Step::kEnd) return absl::OkStatus();
  }
  return Commit();
}

absl::Status TransferSession::Next(TransferRequest& request) {
  WAYBILL_ASSIGN_OR_RETURN(const bool more, source_.Read(request));
  return more ? absl::OkStatus() : absl::CancelledError("the sender left before it was done");
}

absl::Status TransferSession::Say(TransferResponse response) {
  since_sign_.emplace();
  return sink_.Write(std::move(response)) ? absl::OkStatus()
                                          : absl::CancelledError("the sender is gone");
}

absl::Status TransferSession::SignOfLife() {
  if (since_sign_->Elapsed() < kSignInterval) return absl::OkStatus();
  TransferResponse response;
  response.mutable_ack();
  return Say(std::move(response));
}

// Open and instruction. -------------------------------------------------------------------------

absl::Status TransferSession::ReadOpen() {
  TransferRequest request;
  WAYBILL_RETURN_IF_ERROR(Next(request));
  if (!request.has_open()) return Unexpected(request, "open");
  open_ = request.open();
  WAYBILL_RETURN_IF_ERROR(CheckOpen(open_));
  received_.key = {.sender_site_code = open_.sender_site_code(),
                   .send_request_id = open_.send_request_id(),
                   .fence = open_.fence()};
  pin_id_ = absl::StrCat("transfer/", open_.sender_site_code(), "/", open_.send_request_id());
  return absl::OkStatus();
}

absl::Status TransferSession::CheckScope() {
  WAYBILL_ASSIGN_OR_RETURN(self_, deps_.store.GetSelf());
  const std::string& caller = call_.identity().site_code;
  const bool in_scope = caller == self_.site_code || caller == self_.parent_site_code;
  if (in_scope && caller == open_.sender_site_code()) return absl::OkStatus();
  Refusals().With({"SCOPE"}).Increment();
  log::Warning(
      "transfer refused: not from here or the parent",
      {{"caller", rpc::ToUri(call_.identity())}, {"sender_site_code", open_.sender_site_code()}});
  return absl::PermissionDeniedError(
      absl::StrCat("site ", caller, " may not transfer to site ", self_.site_code, " as site ",
                   open_.sender_site_code(),
                   "; only the parent's sender and the site's own may, as themselves"));
}

absl::Status TransferSession::ReadInstruction() {
  TransferRequest request;
  WAYBILL_RETURN_IF_ERROR(Next(request));
  if (!request.has_instruction()) return Unexpected(request, "instruction");
  received_.instruction = std::move(*request.mutable_instruction());
  WAYBILL_RETURN_IF_ERROR(CheckInstruction(received_.instruction));
  WAYBILL_RETURN_IF_ERROR(CheckAgainstOpen());
  received_.targets = TargetList(received_.instruction);
  for (;;) {
    WAYBILL_RETURN_IF_ERROR(Next(request));
    if (request.has_instruction_end()) break;
    if (!request.has_target_part()) {
      return Unexpected(request, "target_part or instruction_end");
    }
    for (const transfer::v1::FrozenTarget& target : request.target_part().targets()) {
      WAYBILL_RETURN_IF_ERROR(received_.targets.Add(target.sms_id(), target.site_code()));
    }
  }
  if (request.instruction_end().target_count() != received_.targets.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("instruction_end.target_count is ", request.instruction_end().target_count(),
                     ", but ", received_.targets.size(), " targets came"));
  }
  return absl::OkStatus();
}

absl::Status TransferSession::CheckAgainstOpen() const {
  const transfer::v1::Instruction& instruction = received_.instruction;
  if (instruction.job_id() != open_.job_id() || instruction.revision() != open_.revision() ||
      instruction.spec().package_id() != open_.package_id()) {
    return absl::InvalidArgumentError(
        "instruction.job_id, revision and spec.package_id must be those of open");
  }
  if (open_.version().empty()) return absl::OkStatus();
  const content::Digest version = content::Digest::FromBytes(open_.version()).value();
  if (instruction.spec().version() != version.ToHex()) {
    return absl::InvalidArgumentError("instruction.spec.version is not open.version");
  }
  return absl::OkStatus();
}

absl::StatusOr<TransferSession::Step> TransferSession::Refuse(Refused refused) {
  const std::string reason = Refused::Reason_Name(refused.reason());
  Refusals().With({reason}).Increment();
  log::Info("transfer refused", {{"job_id", open_.job_id()},
                                 {"reason", reason},
                                 {"needed_bytes", refused.needed_bytes()},
                                 {"available_bytes", refused.available_bytes()}});
  TransferResponse response;
  *response.mutable_refused() = std::move(refused);
  WAYBILL_RETURN_IF_ERROR(Say(std::move(response)));
  return Step::kEnd;
}

absl::StatusOr<TransferSession::Step> TransferSession::Admit() {
  const auto admission = deps_.store.Admit(received_.key, open_.job_id(), open_.revision());
  if (absl::IsFailedPrecondition(admission.status())) {
    Refusals().With({"STALE_FENCE"}).Increment();
  }
  WAYBILL_RETURN_IF_ERROR(admission.status());
  if (*admission == ReceiveStore::Admission::kWelcome) return Step::kGoOn;
  Refused refused;
  refused.set_reason(Refused::REASON_SUPERSEDED);
  refused.set_detail("a newer revision of the job is here");
  return Refuse(std::move(refused));
}

// The version. ----------------------------------------------------------------------------------

absl::StatusOr<TransferSession::Step> TransferSession::ReceiveVersion() {
  WAYBILL_RETURN_IF_ERROR(PutPin());
  WAYBILL_ASSIGN_OR_RETURN(const bool manifest_held, LookForManifest());
  TransferResponse response;
  response.mutable_accepted()->set_credit_bytes(options_.credit_bytes);
  response.mutable_accepted()->set_manifest_held(manifest_held);
  WAYBILL_RETURN_IF_ERROR(Say(std::move(response)));
  if (!manifest_held) {
    WAYBILL_RETURN_IF_ERROR(ReadManifest());
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<bool> missing, FindMissing());
  WAYBILL_ASSIGN_OR_RETURN(const Step reserved, ReserveSpace(missing));
  if (reserved == Step::kEnd) return Step::kEnd;
  WAYBILL_RETURN_IF_ERROR(SayMissing(missing));

  writer_ = deps_.chunks.NewWriter();
  ChunkIntake intake(manifest_.chunks, {.missing = missing, .broken = broken_}, deps_.chunks,
                     *writer_);
  absl::Status status = ReceiveChunks(intake);
  // Sealed also when the stream broke: what came is then not missing the next time.
  status.Update(writer_->Seal());
  received_count_ = intake.received_count();
  received_bytes_ = intake.received_bytes();
  WAYBILL_RETURN_IF_ERROR(status);
  return Step::kGoOn;
}

absl::StatusOr<bool> TransferSession::LookForManifest() {
  const content::Digest version = content::Digest::FromBytes(open_.version()).value();
  content::ManifestStore& manifests = deps_.chunks.manifests();
  const absl::StatusOr<content::Manifest> held = manifests.Get(version);
  if (absl::IsNotFound(held.status())) return false;
  WAYBILL_RETURN_IF_ERROR(held.status());
  absl::StatusOr<content::ManifestIndex> index = content::IndexManifest(*held);
  if (index.ok() && index->version == version) {
    manifest_ = *std::move(index);
    WAYBILL_RETURN_IF_ERROR(CheckManifest());
    return true;
  }
  // The disk garbled it. The sender has a good one.
  log::Error("a manifest in the store is broken; it is asked for again",
             {{"version", version.ToHex()}, {"error", index.status()}});
  WAYBILL_RETURN_IF_ERROR(manifests.Remove(version));
  return false;
}

absl::Status TransferSession::ReadManifest() {
  WAYBILL_ASSIGN_OR_RETURN(content::StagedManifest staged, deps_.chunks.manifests().Stage());
  std::int64_t bytes = 0;
  for (bool last = false; !last;) {
    TransferRequest request;
    WAYBILL_RETURN_IF_ERROR(Next(request));
    if (!request.has_manifest_part()) return Unexpected(request, "manifest_part");
    const transfer::v1::ManifestPart& part = request.manifest_part();
    last = part.last();
    bytes += static_cast<std::int64_t>(part.data().size());
    if (bytes > open_.manifest_bytes() || (part.data().empty() && !last)) {
      return absl::InvalidArgumentError(
          "manifest_part.data is empty, or goes beyond open.manifest_bytes");
    }
    WAYBILL_RETURN_IF_ERROR(staged.Append(part.data()));
  }
  WAYBILL_ASSIGN_OR_RETURN(manifest_, content::IndexManifest(staged.manifest()));
  WAYBILL_RETURN_IF_ERROR(CheckManifest());
  return staged.Commit().status();
}

absl::Status TransferSession::CheckManifest() const {
  if (manifest_.version.bytes() != open_.version()) {
    return absl::DataLossError("the manifest's digest is not open.version");
  }
  if (manifest_.package_id != open_.package_id()) {
    return absl::InvalidArgumentError("the manifest is of another package than open.package_id");
  }
  if (manifest_.totals.plain_bytes != static_cast<std::uint64_t>(open_.plain_bytes())) {
    return absl::InvalidArgumentError("open.plain_bytes is not what the manifest says");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<bool>> TransferSession::FindMissing() {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<bool> missing,
                           deps_.chunks.Missing(manifest_.chunks, nullptr));
  if (open_.verify_held()) {
    WAYBILL_RETURN_IF_ERROR(VerifyHeld(missing));
  }
  return missing;
}

absl::Status TransferSession::VerifyHeld(std::vector<bool>& missing) {
  std::string plain(content::kChunkBytesMax, '\0');
  broken_.assign(missing.size(), false);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing[i]) continue;
    const content::Chunk& chunk = manifest_.chunks[i];
    const absl::Status status =
        deps_.chunks.ReadPlain(chunk, absl::MakeSpan(plain).subspan(0, chunk.plain_bytes));
    missing[i] = absl::IsDataLoss(status) || absl::IsNotFound(status);
    if (missing[i]) {
      broken_[i] = true;
      log::Error("a chunk in the store is broken; it is asked for again",
                 {{"digest", chunk.digest.ToHex()}, {"error", status}});
      continue;
    }
    WAYBILL_RETURN_IF_ERROR(status);
    WAYBILL_RETURN_IF_ERROR(SignOfLife());
    WAYBILL_RETURN_IF_ERROR(RenewPin());
  }
  return absl::OkStatus();
}

absl::StatusOr<TransferSession::Step> TransferSession::ReserveSpace(
    const std::vector<bool>& missing) {
  std::int64_t lacking_bytes = 0;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    lacking_bytes += missing[i] ? manifest_.chunks[i].plain_bytes : 0;
  }
  SpaceNeed need;
  // A manifest knows plain lengths only; the sum over all, compressed, is the other upper bound.
  need.store_bytes = std::min(lacking_bytes, open_.stored_bytes());
  if (lacking_bytes > 0 && IsTargetSite(received_.instruction, self_.site_code) &&
      Distributes(received_.instruction)) {
    need.tree_bytes = open_.plain_bytes();
  }
  WAYBILL_ASSIGN_OR_RETURN(SpaceLedger::Answer answer, deps_.space.Reserve(need));
  if (auto* reservation = std::get_if<std::unique_ptr<SpaceLedger::Reservation>>(&answer)) {
    reservation_ = std::move(*reservation);
    return Step::kGoOn;
  }
  const SpaceShortage& shortage = std::get<SpaceShortage>(answer);
  Refused refused;
  refused.set_reason(Refused::REASON_INSUFFICIENT_SPACE);
  refused.set_needed_bytes(shortage.needed_bytes);
  refused.set_available_bytes(shortage.available_bytes);
  refused.set_detail(absl::StrCat("site ", self_.site_code, " needs ", shortage.needed_bytes,
                                  " bytes and has ", shortage.available_bytes));
  return Refuse(std::move(refused));
}

absl::Status TransferSession::SayMissing(const std::vector<bool>& missing) {
  const std::size_t bits_max = 8 * kBitmapBytesMax;
  std::size_t first = 0;
  do {
    const std::size_t end = std::min(missing.size(), first + bits_max);
    TransferResponse response;
    transfer::v1::MissingPart& part = *response.mutable_missing_part();
    part.set_first_chunk(static_cast<std::int64_t>(first));
    std::string& bitmap = *part.mutable_bitmap();
    bitmap.assign((end - first + 7) / 8, '\0');
    for (std::size_t i = first; i < end; ++i) {
      const std::size_t at = i - first;
      bitmap[at / 8] = static_cast<char>(bitmap[at / 8] | (missing[i] ? 1 << (at % 8) : 0));
    }
    part.set_last(end == missing.size());
    WAYBILL_RETURN_IF_ERROR(Say(std::move(response)));
    first = end;
  } while (first < missing.size());
  return absl::OkStatus();
}

absl::Status TransferSession::ReceiveChunks(ChunkIntake& intake) {
  for (;;) {
    TransferRequest request;
    const bool unacked = intake.received_bytes() > acked_bytes_;
    const absl::StatusOr<bool> more =
        source_.Read(request, unacked ? options_.ack_delay_max : options_.progress_max);
    if (unacked && absl::IsDeadlineExceeded(more.status())) {
      WAYBILL_RETURN_IF_ERROR(SyncAndAck(intake));
      continue;
    }
    WAYBILL_RETURN_IF_ERROR(more.status());
    if (!*more) return absl::CancelledError("the sender left before it was done");
    if (request.has_commit()) break;
    if (!request.has_chunks()) return Unexpected(request, "chunks or commit");
    WAYBILL_RETURN_IF_ERROR(TakeChunks(request.chunks(), intake));
  }
  if (intake.missing_count() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("commit came while ", intake.missing_count(), " chunks are missing"));
  }
  return absl::OkStatus();
}

absl::Status TransferSession::TakeChunks(const transfer::v1::Chunks& chunks, ChunkIntake& intake) {
  if (chunks.chunks().empty()) {
    return absl::InvalidArgumentError("chunks is empty");
  }
  for (const transfer::v1::Chunk& chunk : chunks.chunks()) {
    WAYBILL_RETURN_IF_ERROR(intake.Add(chunk.index(), chunk.representation(), chunk.stored()));
    ChunksReceived().Increment();
    BytesReceived().Increment(static_cast<double>(chunk.stored().size()));
  }
  // Half of the credit, so that the other half is on its way meanwhile.
  if (intake.received_bytes() - acked_bytes_ >= options_.credit_bytes / 2) {
    return SyncAndAck(intake);
  }
  return absl::OkStatus();
}

absl::Status TransferSession::SyncAndAck(const ChunkIntake& intake) {
  WAYBILL_RETURN_IF_ERROR(writer_->Sync());
  const std::int64_t durable_bytes = intake.received_bytes() - acked_bytes_;
  acked_bytes_ = intake.received_bytes();
  reservation_->Use(durable_bytes);
  TransferResponse response;
  response.mutable_ack()->set_durable_bytes(acked_bytes_);
  WAYBILL_RETURN_IF_ERROR(Say(std::move(response)));
  return RenewPin();
}

absl::Status TransferSession::PutPin() {
  since_pin_.emplace();
  return deps_.store.PutPin({.pin_id = pin_id_,
                             .package_id = open_.package_id(),
                             .version = content::Digest::FromBytes(open_.version()).value(),
                             .job_id = open_.job_id()},
                            kPinDuration);
}

absl::Status TransferSession::RenewPin() {
  if (since_pin_->Elapsed() < kPinRenewal) return absl::OkStatus();
  since_pin_.emplace();
  return deps_.store.RenewPin(pin_id_, kPinDuration);
}

// Commit. ---------------------------------------------------------------------------------------

absl::Status TransferSession::ChunksStand() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<bool> missing,
                           deps_.chunks.Missing(manifest_.chunks, nullptr));
  if (std::find(missing.begin(), missing.end(), true) != missing.end()) {
    return absl::DataLossError("a chunk vanished from the store before the commit; send again");
  }
  return deps_.chunks.manifests().Get(manifest_.version).status();
}

ReceivedVersion TransferSession::DescribeVersion() const {
  const content::ManifestTotals& totals = manifest_.totals;
  ReceivedVersion version = {.version = manifest_.version,
                             .content_digest = totals.content_digest,
                             .entry_count = static_cast<std::int64_t>(totals.entry_count),
                             .file_count = static_cast<std::int64_t>(totals.file_count),
                             .plain_bytes = static_cast<std::int64_t>(totals.plain_bytes),
                             .manifest_bytes = static_cast<std::int64_t>(manifest_.manifest_bytes)};
  for (const content::Chunk& chunk : manifest_.chunks) {
    if (const auto entry = deps_.chunks.FindSealed(chunk.digest)) {
      version.stored_bytes += entry->stored_bytes;
    }
  }
  const std::size_t kept = std::min(manifest_.skipped.size(), kSkippedPathsMax);
  for (std::size_t i = 0; i < kept; ++i) {
    version.skipped_paths.push_back(manifest_.skipped[i].escaped_path);
  }
  return version;
}

void TransferSession::NotifyCommitted() {
  for (const char* channel : {model::kDistributeChannel, model::kDefinitionChannel,
                              model::kJobChannel, model::kOutboxChannel}) {
    deps_.notify(channel);
  }
}

absl::Status TransferSession::Commit() {
  if (!open_.version().empty()) {
    received_.version = DescribeVersion();
  }
  WAYBILL_ASSIGN_OR_RETURN(const ReceiveStore::Commitment commitment,
                           deps_.store.Commit(received_, [this] { return ChunksStand(); }));
  if (!open_.version().empty()) {
    const absl::Status unpinned = deps_.store.DeletePin(pin_id_);  // Else it ends by itself.
    if (!unpinned.ok()) log::Warning("a pin was left to end", {{"error", unpinned}});
  }
  if (commitment == ReceiveStore::Commitment::kSuperseded) {
    Refused refused;
    refused.set_reason(Refused::REASON_SUPERSEDED);
    refused.set_detail("a newer revision of the job came meanwhile");
    return Refuse(std::move(refused)).status();
  }
  NotifyCommitted();
  log::Info("transfer committed", {{"job_id", open_.job_id()},
                                   {"revision", open_.revision()},
                                   {"sender_site_code", open_.sender_site_code()},
                                   {"send_request_id", open_.send_request_id()},
                                   {"received_bytes", received_bytes_}});
  TransferResponse response;
  response.mutable_committed()->set_received_chunk_count(received_count_);
  response.mutable_committed()->set_received_bytes(received_bytes_);
  return Say(std::move(response));
}

}  // namespace waybill::despooler
