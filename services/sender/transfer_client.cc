#include "services/sender/transfer_client.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/identity.h"
#include "common/status/status_macros.h"
#include "services/sender/chunk_batch.h"
#include "services/sender/retry_rules.h"
#include "services/sender/send_order.h"

#include "waybill/transfer/v1/transfer_service.grpc.pb.h"
#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::sender {
namespace {

using transfer::v1::Refused;
using transfer::v1::TransferRequest;
using transfer::v1::TransferResponse;
using Stream = grpc::ClientReaderWriter<TransferRequest, TransferResponse>;

constexpr std::size_t kManifestPartBytes = 256 << 10;

prometheus::Counter& ChunksSent() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_sender_chunks_sent_total", "Chunks put on the wire, repeated ones each time.");
  return family.With();
}

metrics::CounterFamily& BytesSent() {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_sender_chunk_sent_bytes", "Compressed chunk bytes put on the wire, by neighbour.",
      {"site_code"});
  return family;
}

// Ended on purpose, ours or the neighbour's: travels as a status inside this file.
absl::Status Stopped() {
  return absl::AbortedError("stopped");
}

/// One attempt at one order, used once by one thread.
class Attempt {
 public:
  Attempt(const SendOrder& order, InstructionSource& instruction, SendControl& control,
          content::ChunkStore& chunks)
      : order_(order), instruction_(instruction), control_(control), chunks_(chunks) {}

  SendResult Run(transfer::v1::TransferService::Stub& stub, const std::string& own_site_code);

 private:
  absl::Status Converse(const std::string& own_site_code);
  absl::Status Write(const TransferRequest& request);
  absl::Status Read(TransferResponse& response);
  absl::StatusOr<TransferResponse> NextAnswer();

  absl::Status SayOpen(const std::string& own_site_code);
  absl::Status SayInstruction();
  absl::Status HearAccepted();
  absl::Status SayManifest();
  absl::Status LoadManifest();
  absl::StatusOr<std::vector<bool>> HearMissing();
  absl::Status TakeMissing(const transfer::v1::MissingPart& part, std::vector<bool>& missing) const;
  absl::Status SayChunks(const std::vector<bool>& missing);
  absl::Status SendBatch(TransferRequest& request);
  absl::Status HearAck();
  absl::Status TakeAck(const transfer::v1::Ack& ack);
  absl::Status SayCommit();
  absl::Status TakeRefused(const Refused& refused);
  void ReportProgress();
  std::int64_t CountLackingBytes(const std::vector<bool>& missing) const;

  const SendOrder& order_;
  InstructionSource& instruction_;
  SendControl& control_;
  content::ChunkStore& chunks_;
  Stream* stream_ = nullptr;
  absl::Status local_error_;  // Ours, not the stream's: why we broke off.
  SendResult result_;
  content::Manifest manifest_ = content::Manifest::FromString("");
  content::ManifestIndex index_;
  CreditWindow window_{0};
  bool accepted_ = false;
  bool manifest_held_ = false;
  std::int64_t credit_bytes_ = 0;
  std::int64_t bytes_total_ = 0;
  std::int64_t batch_bytes_ = 0;
};

// Talking. --------------------------------------------------------------------------------------

SendResult Attempt::Run(transfer::v1::TransferService::Stub& stub,
                        const std::string& own_site_code) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub.Transfer(&context);
  stream_ = stream.get();
  control_.SetBreakOff([&context] { context.TryCancel(); });
  // What it returns shows in result_, local_error_ or the stream's own status.
  Converse(own_site_code).IgnoreError();
  if (!local_error_.ok() || control_.ShouldStop() != SendControl::Stop::kNone) {
    context.TryCancel();  // Else Finish would wait for a neighbour that waits for us.
  }
  // Finish needs an empty stream. Does not count as progress, so that an endless one is cut.
  for (TransferResponse response; stream->Read(&response);) {
  }
  const grpc::Status finished = stream->Finish();
  control_.SetBreakOff(nullptr);
  stream_ = nullptr;

  if (result_.kind != SendResult::Kind::kFailed) return result_;  // Committed or refused.
  if (control_.ShouldStop() != SendControl::Stop::kNone) {
    result_.kind = SendResult::Kind::kStopped;
  } else if (!local_error_.ok()) {
    result_.status = local_error_;
  } else if (!finished.ok()) {
    result_.status = rpc::FromGrpcStatus(finished);
    result_.kind =
        IsPermanent(result_.status) ? SendResult::Kind::kRefused : SendResult::Kind::kFailed;
  } else {
    result_.status = absl::UnavailableError("the neighbour ended the transfer without committing");
  }
  return result_;
}

absl::Status Attempt::Converse(const std::string& own_site_code) {
  const auto ours = [this](absl::Status status) {
    local_error_ = status;
    return status;
  };
  WAYBILL_RETURN_IF_ERROR(ours(LoadManifest()));
  WAYBILL_RETURN_IF_ERROR(SayOpen(own_site_code));
  WAYBILL_RETURN_IF_ERROR(SayInstruction());
  WAYBILL_RETURN_IF_ERROR(HearAccepted());
  if (order_.version.has_value()) {
    if (!manifest_held_) {
      WAYBILL_RETURN_IF_ERROR(SayManifest());
    }
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<bool> missing, HearMissing());
    WAYBILL_RETURN_IF_ERROR(SayChunks(missing));
  }
  return SayCommit();
}

absl::Status Attempt::Write(const TransferRequest& request) {
  if (control_.ShouldStop() != SendControl::Stop::kNone) return Stopped();
  if (!stream_->Write(request)) return absl::UnavailableError("the stream broke");
  control_.Moved();
  return absl::OkStatus();
}

absl::Status Attempt::Read(TransferResponse& response) {
  if (control_.ShouldStop() != SendControl::Stop::kNone) return Stopped();
  if (!stream_->Read(&response)) return absl::UnavailableError("the stream broke");
  control_.Moved();
  return absl::OkStatus();
}

// Passes over signs of life and takes refusals, which may stand wherever an answer is due.
absl::StatusOr<TransferResponse> Attempt::NextAnswer() {
  TransferResponse response;
  do {
    WAYBILL_RETURN_IF_ERROR(Read(response));
  } while (response.has_ack() && response.ack().durable_bytes() == 0);
  if (response.has_refused()) return TakeRefused(response.refused());
  return response;
}

absl::Status Attempt::TakeRefused(const Refused& refused) {
  switch (refused.reason()) {
    case Refused::REASON_SUPERSEDED:
      result_.kind = SendResult::Kind::kSuperseded;
      break;
    case Refused::REASON_INSUFFICIENT_SPACE:
      result_.kind = SendResult::Kind::kNoSpace;
      result_.needed_bytes = refused.needed_bytes();
      result_.available_bytes = refused.available_bytes();
      break;
    default:
      local_error_ = absl::FailedPreconditionError(refused.detail());
      break;
  }
  return Stopped();
}

// Saying what goes. -----------------------------------------------------------------------------

absl::Status Attempt::SayOpen(const std::string& own_site_code) {
  TransferRequest request;
  transfer::v1::Open& open = *request.mutable_open();
  open.set_sender_site_code(own_site_code);
  open.set_send_request_id(order_.send_request_id);
  open.set_fence(order_.fence);
  open.set_job_id(order_.job_id);
  open.set_revision(order_.revision);
  open.set_package_id(order_.package_id);
  if (order_.version.has_value()) {
    absl::StatusOr<VersionSizes> sizes = instruction_.Sizes();
    local_error_ = sizes.status();
    WAYBILL_RETURN_IF_ERROR(sizes.status());
    open.set_version(std::string(order_.version->bytes()));
    open.set_manifest_bytes(sizes->manifest_bytes);
    open.set_plain_bytes(sizes->plain_bytes);
    open.set_stored_bytes(sizes->stored_bytes);
    open.set_verify_held(order_.verify_held);
  }
  return Write(request);
}

absl::Status Attempt::SayInstruction() {
  TransferRequest request;
  absl::StatusOr<transfer::v1::Instruction> head = instruction_.Head();
  local_error_ = head.status();
  WAYBILL_RETURN_IF_ERROR(head.status());
  *request.mutable_instruction() = *std::move(head);
  WAYBILL_RETURN_IF_ERROR(Write(request));
  std::int64_t count = 0;
  for (;;) {
    absl::StatusOr<transfer::v1::TargetPart> part = instruction_.NextTargets();
    local_error_ = part.status();
    WAYBILL_RETURN_IF_ERROR(part.status());
    if (part->targets().empty()) break;
    count += part->targets_size();
    *request.mutable_target_part() = *std::move(part);
    WAYBILL_RETURN_IF_ERROR(Write(request));
  }
  request.mutable_instruction_end()->set_target_count(count);
  return Write(request);
}

absl::Status Attempt::HearAccepted() {
  WAYBILL_ASSIGN_OR_RETURN(const TransferResponse response, NextAnswer());
  if (!response.has_accepted() || response.accepted().credit_bytes() <= 0) {
    local_error_ = absl::InternalError("the neighbour did not answer with Accepted and a credit");
    return local_error_;
  }
  manifest_held_ = response.accepted().manifest_held();
  credit_bytes_ = response.accepted().credit_bytes();
  accepted_ = true;
  ReportProgress();
  return absl::OkStatus();
}

// The version. ----------------------------------------------------------------------------------

absl::Status Attempt::LoadManifest() {
  if (!order_.version.has_value()) return absl::OkStatus();
  WAYBILL_ASSIGN_OR_RETURN(manifest_, chunks_.manifests().Get(*order_.version));
  WAYBILL_ASSIGN_OR_RETURN(index_, content::IndexManifest(manifest_));
  if (index_.version == *order_.version) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the manifest of version ", order_.version->ToHex(), " is broken at this site"));
}

absl::Status Attempt::SayManifest() {
  const std::unique_ptr<content::ByteSource> source = manifest_.NewSource();
  std::string buffer(kManifestPartBytes, '\0');
  TransferRequest request;
  for (std::uint64_t left = index_.manifest_bytes; left > 0;) {
    const std::size_t want = std::min<std::uint64_t>(left, buffer.size());
    const absl::StatusOr<std::size_t> got = source->Read(absl::MakeSpan(buffer).subspan(0, want));
    if (!got.ok() || *got == 0) {
      local_error_ = got.ok() ? absl::DataLossError("the manifest got shorter") : got.status();
      return local_error_;
    }
    left -= *got;
    request.mutable_manifest_part()->set_data(buffer.substr(0, *got));
    request.mutable_manifest_part()->set_last(left == 0);
    WAYBILL_RETURN_IF_ERROR(Write(request));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<bool>> Attempt::HearMissing() {
  std::vector<bool> missing;
  for (bool last = false; !last;) {
    WAYBILL_ASSIGN_OR_RETURN(const TransferResponse response, NextAnswer());
    if (!response.has_missing_part()) {
      local_error_ = absl::InternalError("the neighbour did not answer with MissingPart");
      return local_error_;
    }
    last = response.missing_part().last();
    local_error_ = TakeMissing(response.missing_part(), missing);
    WAYBILL_RETURN_IF_ERROR(local_error_);
  }
  missing.resize(index_.chunks.size());
  return missing;
}

absl::Status Attempt::TakeMissing(const transfer::v1::MissingPart& part,
                                  std::vector<bool>& missing) const {
  const std::size_t count = index_.chunks.size();
  if (part.first_chunk() != static_cast<std::int64_t>(missing.size())) {
    return absl::InternalError("the neighbour's parts of Missing do not follow one another");
  }
  for (const char byte : part.bitmap()) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool is_missing = (static_cast<unsigned char>(byte) >> bit & 1) != 0;
      if (missing.size() < count) {
        missing.push_back(is_missing);
      } else if (is_missing) {
        return absl::InternalError("the neighbour lacks a chunk that the manifest does not have");
      }
    }
  }
  return absl::OkStatus();
}

std::int64_t Attempt::CountLackingBytes(const std::vector<bool>& missing) const {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (!missing[i]) continue;
    const auto entry = chunks_.FindSealed(index_.chunks[i].digest);
    bytes += entry.has_value() ? entry->stored_bytes : index_.chunks[i].plain_bytes;
  }
  return bytes;
}

absl::Status Attempt::SayChunks(const std::vector<bool>& missing) {
  window_ = CreditWindow(credit_bytes_);
  local_error_ = chunks_.Refresh();  // Packs of an import a moment ago are not listed yet.
  WAYBILL_RETURN_IF_ERROR(local_error_);
  bytes_total_ = CountLackingBytes(missing);
  ReportProgress();
  TransferRequest request;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (!missing[i]) continue;
    absl::StatusOr<content::StoredChunk> chunk = chunks_.Read(index_.chunks[i].digest);
    local_error_ = chunk.status();
    WAYBILL_RETURN_IF_ERROR(local_error_);
    const auto bytes = static_cast<std::int64_t>(chunk->stored.size());
    if (BatchIsFull(batch_bytes_, bytes)) {
      WAYBILL_RETURN_IF_ERROR(SendBatch(request));
    }
    transfer::v1::Chunk& added = *request.mutable_chunks()->add_chunks();
    added.set_index(static_cast<std::int64_t>(i));
    added.set_representation(static_cast<std::int32_t>(chunk->facts.representation));
    added.set_stored(std::move(chunk->stored));
    batch_bytes_ += bytes;
  }
  return batch_bytes_ > 0 ? SendBatch(request) : absl::OkStatus();
}

absl::Status Attempt::SendBatch(TransferRequest& request) {
  while (!window_.Allows(batch_bytes_)) {
    WAYBILL_RETURN_IF_ERROR(HearAck());
  }
  WAYBILL_RETURN_IF_ERROR(Write(request));
  window_.Sent(batch_bytes_);
  ChunksSent().Increment(request.chunks().chunks_size());
  BytesSent().With({order_.site_code}).Increment(static_cast<double>(batch_bytes_));
  ReportProgress();
  request.Clear();
  batch_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status Attempt::HearAck() {
  TransferResponse response;
  WAYBILL_RETURN_IF_ERROR(Read(response));
  if (!response.has_ack()) {
    local_error_ = absl::InternalError("the neighbour did not answer with Ack");
    return local_error_;
  }
  return TakeAck(response.ack());
}

absl::Status Attempt::TakeAck(const transfer::v1::Ack& ack) {
  // An Ack of 0 is a sign of life.
  if (ack.durable_bytes() != 0 && !window_.Acknowledge(ack.durable_bytes())) {
    local_error_ = absl::InternalError("the neighbour acknowledged what was not sent");
    return local_error_;
  }
  ReportProgress();
  return absl::OkStatus();
}

absl::Status Attempt::SayCommit() {
  TransferRequest request;
  request.mutable_commit();
  WAYBILL_RETURN_IF_ERROR(Write(request));
  stream_->WritesDone();
  for (;;) {
    TransferResponse response;
    WAYBILL_RETURN_IF_ERROR(Read(response));
    if (response.has_ack()) {
      WAYBILL_RETURN_IF_ERROR(TakeAck(response.ack()));
    } else if (response.has_refused()) {
      return TakeRefused(response.refused());
    } else if (response.has_committed()) {
      result_.kind = SendResult::Kind::kSent;
      return absl::OkStatus();
    } else {
      local_error_ = absl::InternalError("the neighbour did not answer with Committed");
      return local_error_;
    }
  }
}

void Attempt::ReportProgress() {
  control_.SetProgress({.bytes_total = bytes_total_,
                        .bytes_sent = window_.sent_bytes(),
                        .bytes_durable = window_.durable_bytes(),
                        .accepted = accepted_});
}

class GrpcTransferClient final : public TransferClient {
 public:
  GrpcTransferClient(std::string site_code, const rpc::TlsIdentity& tls,
                     content::ChunkStore& chunks)
      : site_code_(std::move(site_code)), tls_(tls), chunks_(chunks) {}

  // A channel of its own for each attempt: a connection that lost its way is not met again, and
  // parallel sends to one neighbour get parallel connections.
  SendResult Send(const SendOrder& order, InstructionSource& instruction,
                  SendControl& control) override {
    const auto channel = rpc::MakeChannel({.target = order.endpoint,
                                           .server = {.role = rpc::Role::kService,
                                                      .site_code = order.site_code,
                                                      .name = model::kDespoolerName},
                                           .is_site_link = true},
                                          tls_);
    const auto stub = transfer::v1::TransferService::NewStub(channel);
    return Attempt(order, instruction, control, chunks_).Run(*stub, site_code_);
  }

 private:
  const std::string site_code_;
  const rpc::TlsIdentity& tls_;
  content::ChunkStore& chunks_;
};

}  // namespace

// SendControl. ----------------------------------------------------------------------------------

SendControl::SendControl(const clock::Clock& clock, absl::Duration lease)
    : clock_(clock),
      lease_(lease),
      lease_end_(clock.Monotonic() + lease),
      moved_(clock.Monotonic()) {}

void SendControl::RequestStop(Stop why) {
  const MutexLock lock(mutex_);
  if (stop_ != Stop::kNone) return;
  stop_ = why;
  if (break_off_) break_off_();
}

SendControl::Stop SendControl::ShouldStop() const {
  const MutexLock lock(mutex_);
  if (stop_ != Stop::kNone) return stop_;
  return clock_.Monotonic() < lease_end_ ? Stop::kNone : Stop::kLeaseLost;
}

void SendControl::LeaseRenewed(absl::Duration asked_at) {
  const MutexLock lock(mutex_);
  lease_end_ = std::max(lease_end_, asked_at + lease_);
}

void SendControl::Moved() {
  const absl::Duration now = clock_.Monotonic();
  const MutexLock lock(mutex_);
  moved_ = now;
}

absl::Duration SendControl::SinceMoved() const {
  const MutexLock lock(mutex_);
  return clock_.Monotonic() - moved_;
}

void SendControl::SetProgress(const Progress& progress) {
  const MutexLock lock(mutex_);
  progress_ = progress;
}

SendControl::Progress SendControl::progress() const {
  const MutexLock lock(mutex_);
  return progress_;
}

void SendControl::SetBreakOff(std::function<void()> break_off) {
  const MutexLock lock(mutex_);
  break_off_ = std::move(break_off);
  if (break_off_ && stop_ != Stop::kNone) break_off_();
}

std::unique_ptr<TransferClient> MakeTransferClient(std::string site_code,
                                                   const rpc::TlsIdentity& tls,
                                                   content::ChunkStore& chunks) {
  return std::make_unique<GrpcTransferClient>(std::move(site_code), tls, chunks);
}

}  // namespace waybill::sender
