"""Reference floor: raw-ASGI passthrough to the mock with aiohttp client; MODE=bytes (no parse) or MODE=parse (orjson loads + sha256 of each message + dumps).
Run: MODE=parse uvicorn passthrough:app --port 9003 --loop uvloop --http httptools --no-access-log"""
import hashlib
import os

import aiohttp
import orjson

MODE=os.environ.get("MODE","bytes"); UP=os.environ.get("UPSTREAM","http://127.0.0.1:9001"); S=None
async def app(scope, receive, send):
    global S
    if scope["type"]=="lifespan":
        while True:
            m=await receive()
            if m["type"]=="lifespan.startup": S=aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
            else: await S.close()
            await send({"type":m["type"]+".complete"})
            if m["type"]=="lifespan.shutdown": return
    parts=[]; more=True
    while more:
        m=await receive(); parts.append(m.get("body",b"")); more=m.get("more_body",False)
    body=b"".join(parts)
    if MODE=="parse":
        o=orjson.loads(body); h=hashlib.sha256()
        for x in o.get("messages",()): h.update(orjson.dumps(x))
        o["prompt_cache_key"]=h.hexdigest()[:16]; body=orjson.dumps(o)
    async with S.post(UP+scope["path"], data=body, headers={"content-type":"application/json","authorization":"Bearer x"}) as r:
        await send({"type":"http.response.start","status":r.status,"headers":[(k.encode().lower(),v.encode()) for k,v in r.headers.items() if k.lower() in("content-type",)]})
        async for c in r.content.iter_any():
            await send({"type":"http.response.body","body":c,"more_body":True})
        await send({"type":"http.response.body","body":b""})
