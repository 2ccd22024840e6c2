#include "sparql_endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dec/core/error.hpp"
#include "dec/core/json.hpp"
#include "dec/core/text.hpp"
#include "files.hpp"

namespace dec::io {

namespace {

constexpr std::string_view scheme_prefix = "sparql+";
constexpr auto results_type = "application/sparql-results+json";

[[noreturn]] void refuse_address(std::string_view address, std::string problem) {
    throw core::InvalidInput{
        {std::string{address}, {}, std::move(problem), "write sparql+http://host:port/path?mrid=… in quotes"}};
}

/// The beginning of an answer that is none, on one line.
std::string excerpt(std::string_view body) {
    constexpr std::size_t most = 120;
    std::string text{body.substr(0, most)};
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20; }, ' ');
    return text + (body.size() > most ? "…" : "");
}

Term to_term(core::Json const& binding) {
    auto const& type = binding.at("type").get_ref<std::string const&>();
    return {type == "uri" || type == "bnode" ? Term::Kind::resource : Term::Kind::literal,
            binding.at("value").get<std::string>()};
}

}  // namespace

EndpointAddress parse_endpoint(std::string_view address) {
    EndpointAddress parsed;
    auto url = address.substr(std::min(scheme_prefix.size(), address.size()));
    auto const scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) refuse_address(address, "is no address of an endpoint");
    auto const scheme = url.substr(0, scheme_end);
    auto const authority_begin = scheme_end + 3;
    auto const authority_end = std::min(url.find_first_of("/?#", authority_begin), url.size());
    auto const authority = url.substr(authority_begin, authority_end - authority_begin);
    auto const user_end = authority.rfind('@');
    auto const host = user_end == std::string_view::npos ? authority : authority.substr(user_end + 1);
    if (host.empty() || host.starts_with(':')) refuse_address(address, "names no host");
    if (url.find_first_of(" \t\r\n\"<>") != std::string_view::npos) refuse_address(address, "has a blank or a quote");
    url = url.substr(0, std::min(url.find('#'), url.size()));
    auto const query_begin = std::min(url.find('?'), url.size());
    parsed.url = url.substr(0, query_begin);
    parsed.shown = fmt::format("{}{}://{}{}", scheme_prefix, scheme, host, url.substr(authority_end));
    auto parameters = url.substr(std::min(query_begin + 1, url.size()));
    char separator = '?';
    while (!parameters.empty()) {
        auto const end = std::min(parameters.find('&'), parameters.size());
        auto const parameter = parameters.substr(0, end);
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
        if (parameter.starts_with("mrid=")) {
            parsed.mrid = percent_decoded(parameter.substr(parameter.find('=') + 1));
            if (parsed.mrid.empty()) refuse_address(address, "has an empty mrid");
        } else if (!parameter.empty()) {  // the endpoint's own
            parsed.url.append(1, separator).append(parameter);
            separator = '&';
        }
    }
    return parsed;
}

Endpoint::Endpoint(EndpointAddress const& address, HttpSettings settings)
    : client_{address.url, address.shown, settings}, shown_{address.shown} {}

void Endpoint::fail(std::string problem, std::string remedy) const {
    throw core::SystemFailure{{shown_, {}, std::move(problem), std::move(remedy)}};
}

std::vector<std::vector<Term>> Endpoint::select(std::string_view query, std::span<std::string_view const> variables) {
    constexpr long ok = 200, not_found = 404;
    auto const answer = client_.post("query", query, results_type);
    auto const wanted =
        "give the address of a SPARQL endpoint, such as sparql+http://host:8889/bigdata/namespace/kb/sparql";
    if (answer.status == not_found) fail("has nothing at this path (HTTP status 404)", wanted);
    if (answer.status != ok)
        fail(fmt::format("refuses the query with HTTP status {}: {}", answer.status, excerpt(answer.body)), wanted);
    if (answer.body.find_first_not_of(" \t\r\n") == std::string::npos)
        fail("gives an empty answer", "see the server's log");
    if (is_html(answer.body)) fail("answers with an HTML page instead of the result of a query", wanted);
    auto const json = core::Json::parse(answer.body, nullptr, false);
    if (json.is_discarded()) {
        if (answer.body.front() == '{')
            fail(fmt::format("gives an answer that breaks off or is damaged ({} bytes)", answer.body.size()),
                 "ask again; see the server's log");
        fail(fmt::format("answers with {} instead of {}: {}",
                         answer.content_type.empty() ? "something" : answer.content_type, results_type,
                         excerpt(answer.body)),
             wanted);
    }
    std::vector<std::vector<Term>> rows;
    try {
        auto const& bindings = json.at("results").at("bindings");
        rows.reserve(bindings.size());
        for (auto const& binding : bindings) {
            auto& row = rows.emplace_back(variables.size());
            for (std::size_t i = 0; i < variables.size(); ++i)
                if (auto const bound = binding.find(variables[i]); bound != binding.end()) row[i] = to_term(*bound);
        }
    } catch (core::Json::exception const&) {
        fail(fmt::format("answers with JSON that is not the result of a query: {}", excerpt(answer.body)), wanted);
    }
    return rows;
}

}  // namespace dec::io
