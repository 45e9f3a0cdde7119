#ifndef WAYBILL_SERVICES_DESPOOLER_TRANSFER_SESSION_SERVICE_H_
#define WAYBILL_SERVICES_DESPOOLER_TRANSFER_SESSION_SERVICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/content/manifest.h"
#include "common/content/pack_writer.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stopwatch.h"
#include "common/rpc/stream.h"
#include "services/despooler/chunk_intake.h"
#include "services/despooler/received_transfer.h"
#include "services/despooler/transfer_service.h"

#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::despooler {

/// One Transfer call from Open to Committed; transfer_service.proto says in which order.
///
///   opened --> instructed --> accepted --> manifest known --> asked --> receiving --> committed
///                  |  stale, superseded         |  no room        |  broken: what was synced is
///                  +------> refused <-----------+                 |  sealed, and not missing next
///                  time
///
/// What is on disk: from "manifest known" on the manifest and a pin row; while "receiving" each
/// chunk that was acknowledged; "committed" the rows. Used by one thread, once.
class TransferSession {
 public:
  TransferSession(const TransferService::Deps& deps, const TransferService::Options& options,
                  const rpc::CallContext& call, rpc::Source<transfer::v1::TransferRequest>& source,
                  rpc::Sink<transfer::v1::TransferResponse>& sink);

  absl::Status Run();

 private:
  enum class Step { kGoOn, kEnd };  // kEnd: the stream ends with OK, all is said.

  absl::Status Next(transfer::v1::TransferRequest& request);
  absl::Status Say(transfer::v1::TransferResponse response);
  absl::Status SignOfLife();

  absl::Status ReadOpen();
  absl::Status CheckScope();
  absl::Status ReadInstruction();
  absl::Status CheckAgainstOpen() const;
  absl::StatusOr<Step> Admit();
  absl::StatusOr<Step> Refuse(transfer::v1::Refused refused);

  absl::StatusOr<Step> ReceiveVersion();
  absl::StatusOr<bool> LookForManifest();
  absl::Status ReadManifest();
  absl::Status CheckManifest() const;
  absl::StatusOr<std::vector<bool>> FindMissing();
  absl::Status VerifyHeld(std::vector<bool>& missing);
  absl::StatusOr<Step> ReserveSpace(const std::vector<bool>& missing);
  absl::Status SayMissing(const std::vector<bool>& missing);
  absl::Status ReceiveChunks(ChunkIntake& intake);
  absl::Status TakeChunks(const transfer::v1::Chunks& chunks, ChunkIntake& intake);
  absl::Status SyncAndAck(const ChunkIntake& intake);
  absl::Status PutPin();
  absl::Status RenewPin();

  absl::Status Commit();
  absl::Status ChunksStand();
  ReceivedVersion DescribeVersion() const;
  void NotifyCommitted();

  const TransferService::Deps& deps_;
  const TransferService::Options& options_;
  const rpc::CallContext& call_;
  rpc::Source<transfer::v1::TransferRequest>& source_;
  rpc::Sink<transfer::v1::TransferResponse>& sink_;

  transfer::v1::Open open_;
  ReceiveStore::Self self_;
  ReceivedTransfer received_;
  std::string pin_id_;
  content::ManifestIndex manifest_;
  std::unique_ptr<SpaceLedger::Reservation> reservation_;
  std::unique_ptr<content::PackWriter> writer_;
  std::vector<bool> broken_;  // Chunks that are here with bad bytes; empty: none was looked for.
  std::int64_t acked_bytes_ = 0;
  std::int64_t received_count_ = 0;
  std::int64_t received_bytes_ = 0;
  std::optional<rpc::Stopwatch> since_pin_;   // Since the pin was put.
  std::optional<rpc::Stopwatch> since_sign_;  // Since the sender last heard of us.
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_TRANSFER_SESSION_SERVICE_H_
