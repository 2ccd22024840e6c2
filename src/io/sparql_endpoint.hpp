/// \file sparql_endpoint.hpp
/// Questions to a SPARQL endpoint and their answers, row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http.hpp"

namespace dec::io {

/// "sparql+http://user:password@host:port/path?mrid=…" taken apart.
struct EndpointAddress {
    std::string url;    ///< what is asked: without "sparql+" and without mrid
    std::string shown;  ///< the whole address for messages, without user and password
    std::string mrid;   ///< empty: none given
};
/// \throws core::InvalidInput if it is no such address.
[[nodiscard]] EndpointAddress parse_endpoint(std::string_view address);

/// What a variable is bound to in one row of an answer.
struct Term {
    enum class Kind : std::uint8_t { unbound, resource, literal };
    Kind kind = Kind::unbound;
    std::string text;
};

class Endpoint {
  public:
    Endpoint(EndpointAddress const& address, HttpSettings settings);

    /// Rows of a SELECT, each with the terms of `variables` in their order.
    /// \throws core::SystemFailure no answer, or one that is not the result of a query.
    [[nodiscard]] std::vector<std::vector<Term>> select(std::string_view query,
                                                        std::span<std::string_view const> variables);

    [[nodiscard]] std::string const& shown() const { return shown_; }
    [[noreturn]] void fail(std::string problem, std::string remedy) const;

  private:
    HttpClient client_;
    std::string shown_;
};

}  // namespace dec::io
