# What postfix-mta-sts-resolver finds for each domain: sts.py DNS-PORT DOMAIN...
import asyncio
import socket
import sys

import aiodns
import aiohttp
from postfix_mta_sts_resolver import resolver


class Fixed(aiohttp.abc.AbstractResolver):
    # Names of web servers are not looked up.
    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.2", "port": port,
                 "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        pass


session = aiohttp.ClientSession


def session_with_resolver(**options):
    options.pop("loop", None)
    return session(connector=aiohttp.TCPConnector(resolver=Fixed()), **options)


aiohttp.ClientSession = session_with_resolver


async def main():
    loop = asyncio.get_running_loop()
    sts = resolver.STSResolver(timeout=20, loop=loop)
    sts._resolver = aiodns.DNSResolver(nameservers=["127.0.0.1"], udp_port=int(sys.argv[1]),
                                       tcp_port=int(sys.argv[1]), loop=loop)
    for domain in sys.argv[2:]:
        result, found = await sts.resolve(domain)
        if result != resolver.STSFetchResult.VALID:
            print(result.name)
            continue
        policy = found[1]
        print("VALID", policy["mode"], policy["max_age"], ",".join(policy["mx"]))


asyncio.run(main())
