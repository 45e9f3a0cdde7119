#ifndef WAYBILL_COMMON_RPC_GRPC_LOG_H_
#define WAYBILL_COMMON_RPC_GRPC_LOG_H_

namespace waybill::rpc {

/// Sends what gRPC itself reports (failed handshakes above all) to our log, as warnings. Called
/// when a TlsIdentity is loaded. Repeatable, thread-safe.
void RouteGrpcLog();

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_GRPC_LOG_H_
