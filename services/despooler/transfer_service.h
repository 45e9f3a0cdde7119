#ifndef WAYBILL_SERVICES_DESPOOLER_TRANSFER_SERVICE_H_
#define WAYBILL_SERVICES_DESPOOLER_TRANSFER_SERVICE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/chunk_store.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/despooler/receive_store.h"
#include "services/despooler/space_rules.h"

#include "waybill/transfer/v1/transfer_service.grpc.pb.h"

namespace waybill::despooler {

/// What the transfers under way were promised, so that together they do not fill a disk. In memory:
/// after a restart the transfers begin again, too. Thread-safe.
class SpaceLedger {
 public:
  /// `store` and `drives` are where compressed packages and temporary trees go.
  SpaceLedger(tree::Directory store, std::vector<tree::Directory> drives,
              std::int64_t reserve_bytes);

  /// Gives a promise back when it is destroyed. The ledger outlives it.
  class Reservation {
   public:
    Reservation(SpaceLedger& ledger, SpacePromise promise, SpaceNeed need);
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;

    /// So many bytes of the store were written: the disk shows them now, the promise need not.
    void Use(std::int64_t store_bytes);

   private:
    SpaceLedger& ledger_;
    const SpacePromise promise_;
    SpaceNeed left_;
  };

  /// Promises `need`, or says what is short. Errors are those of looking at the disks.
  using Answer = std::variant<std::unique_ptr<Reservation>, SpaceShortage>;
  absl::StatusOr<Answer> Reserve(const SpaceNeed& need);

 private:
  absl::StatusOr<Place> Look(const tree::Directory& directory) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Change(const SpacePromise& promise, const SpaceNeed& need, std::int64_t sign);

  const tree::Directory store_;
  const std::vector<tree::Directory> drives_;
  const std::int64_t reserve_bytes_;
  mutable Mutex mutex_;
  std::map<std::uint64_t, std::int64_t> promised_bytes_ ABSL_GUARDED_BY(mutex_);
};

/// Receives what other sites' senders, and this site's own, bring. One thread for each transfer, on
/// `streams`. All that is borrowed outlives the server.
class TransferService final : public transfer::v1::TransferService::CallbackService {
 public:
  struct Deps {
    ReceiveStore& store;
    content::ChunkStore& chunks;
    SpaceLedger& space;
    Executor& streams;
    /// Says a NOTIFY channel; must not block.
    std::function<void(absl::string_view channel)> notify;
  };
  struct Options {
    std::int64_t credit_bytes = 32 << 20;
    absl::Duration progress_max = absl::Minutes(5);   ///< Until the next message.
    absl::Duration ack_delay_max = absl::Seconds(1);  ///< Of a chunk that came.
  };

  TransferService(Deps deps, Options options);

  grpc::ServerBidiReactor<transfer::v1::TransferRequest, transfer::v1::TransferResponse>* Transfer(
      grpc::CallbackServerContext* context) override;

  /// The handler itself, for tests without a server.
  absl::Status Receive(const rpc::CallContext& call,
                       rpc::Source<transfer::v1::TransferRequest>& source,
                       rpc::Sink<transfer::v1::TransferResponse>& sink);

 private:
  const Deps deps_;
  const Options options_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_TRANSFER_SERVICE_H_
